import type { GateSettings, Gates, GateView } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import type { JobPlace } from '../core/job-place.ts'
import { eligibleCandidates } from '../core/next-candidate.ts'
import type { NodeRegistry } from '../core/node.ts'
import type { Logger } from '../core/telemetry.ts'

export interface DarkGatesDeps {
  readonly registry: Pick<NodeRegistry, 'list'>
  readonly gates: Pick<Gates, 'peek' | 'park'>
  /** Of each deployment a page of the jobs that are parked behind it, those left out that were woken. */
  readonly waitingAt: (
    pages: readonly { readonly deployment: string; readonly offset: number }[],
    limit: number,
  ) => Promise<readonly (readonly JobId[])[]>
  /** In the order of the ids; null for a job that has ended. */
  readonly placesOf: (ids: readonly JobId[]) => Promise<readonly (JobPlace | null)[]>
  /** The gates that this node asks, by deployment. */
  readonly gatesOf: (at: { readonly pool: string; readonly node: string }) => ReadonlyMap<string, GateSettings>
  /** The pool of each deployment. */
  readonly poolOf: ReadonlyMap<string, string>
  readonly log: Logger
}

/** Jobs of a backlog that are looked at in one turn. The next turn goes on behind those that had to stay. */
const pageSize = 200

/**
 * `dark`: nobody is let in, or no node is ready. `half_open`: the next call is a probe. A deployment whose pool has no
 * node at all is neither; its jobs are rehomed after a grace.
 */
type Light = 'dark' | 'half_open' | 'on'

/**
 * Takes jobs that are parked behind a deployment that stays away over to another one that has come back. They were parked
 * where the gate was to open first; its probes may go on failing for hours, and wake one job each.
 */
export class DarkGates {
  readonly #deps: DarkGatesDeps
  readonly #offsets = new Map<string, number>()

  constructor(deps: DarkGatesDeps) {
    this.#deps = deps
  }

  /** Returns how many jobs wait for another deployment now. */
  async turn(nowMs: number): Promise<number> {
    const { poolOf, waitingAt, log } = this.#deps
    const pages = [...poolOf.keys()].map((deployment) => ({ deployment, offset: this.#offsets.get(deployment) ?? 0 }))
    const waiting = await waitingAt(pages, pageSize)
    this.#offsets.clear()
    if (waiting.every((ids) => ids.length === 0)) return 0
    const lights = await this.#look(nowMs)
    let moved = 0
    for (const [index, { deployment, offset }] of pages.entries()) {
      const ids = waiting[index] ?? []
      if (ids.length === 0 || lights.get(deployment) !== 'dark') continue
      const gone = await this.#leave(deployment, ids, lights, nowMs)
      if (ids.length === pageSize) this.#offsets.set(deployment, offset + ids.length - gone)
      if (gone > 0) log.info({ deployment, jobs: gone }, 'jobs were parked behind a deployment that has come back')
      moved += gone
    }
    return moved
  }

  async #leave(from: string, ids: readonly JobId[], lights: Map<string, Light>, nowMs: number): Promise<number> {
    const { gates, placesOf } = this.#deps
    const places = await placesOf(ids)
    let moved = 0
    for (const [index, id] of ids.entries()) {
      const place = places[index] ?? null
      const candidate = place && nextLight(place, lights)
      const target = place && candidate !== null ? place.plan.candidates[candidate] : undefined
      if (!place || candidate === null || !target || place.plan.candidates[place.candidate]?.deployment !== from)
        continue
      const { deployment, pool } = target
      const lane = { ...place.lane, pool }
      const at = { fromHop: place.hop, candidate, deployment, lane, priority: lane.priority }
      if (!(await gates.park(id, { ...at, tokens: place.plan.promptTokens ?? 0, nowMs }))) continue
      // One is enough to find out.
      if (lights.get(deployment) === 'half_open') lights.delete(deployment)
      moved += 1
    }
    return moved
  }

  async #look(nowMs: number): Promise<Map<string, Light>> {
    const { registry, gates, gatesOf, poolOf } = this.#deps
    const nodes = (await registry.list()).filter(({ isDraining }) => !isDraining)
    const asked = new Map<string, { settings: GateSettings; deployment: string }>()
    const lights = new Map<string, Light>()
    for (const { pool, node, deployments } of nodes) {
      const settingsOf = gatesOf({ pool, node })
      for (const [deployment, home] of poolOf) if (home === pool) lights.set(deployment, 'dark')
      for (const { id, isReady } of deployments) {
        const settings = isReady ? settingsOf.get(id) : undefined
        if (settings) asked.set(settings.gate, { settings, deployment: id })
      }
    }
    const all = [...asked.values()]
    const views = await gates.peek(
      all.map(({ settings }) => settings),
      nowMs,
    )
    for (const [index, { deployment }] of all.entries()) {
      const light = lightOf(views[index])
      if (light === 'on' || (light === 'half_open' && lights.get(deployment) === 'dark')) lights.set(deployment, light)
    }
    return lights
  }
}

function lightOf(view: GateView | undefined): Light {
  if (!view || view.breaker === 'closed') return 'on'
  // Behind it somebody waits who probes.
  if (view.parked > 0) return 'dark'
  return view.closed === null ? 'half_open' : 'dark'
}

/** The first candidate that may serve the job and is not away; null where its model waits, and without any. */
function nextLight({ plan, candidate, attempts }: JobPlace, lights: ReadonlyMap<string, Light>): number | null {
  if (plan.onOutage === 'wait') return null
  const found = eligibleCandidates(plan, attempts).find((index) => {
    const light = lights.get(plan.candidates[index]?.deployment ?? '')
    return index !== candidate && (light === 'on' || light === 'half_open')
  })
  return found ?? null
}
