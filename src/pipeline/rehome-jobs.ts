import type { JobId } from '../core/job.ts'
import type { IdleEntry, JobPlace, LaneEntries } from '../core/job-place.ts'
import { eligibleCandidates } from '../core/next-candidate.ts'
import type { NodeRegistry, NodeReport } from '../core/node.ts'
import type { JobStore, Lane, LaneQueues } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import { priorities, sensitivities } from '../core/vocabulary.ts'

export interface RehomeDeps {
  readonly registry: Pick<NodeRegistry, 'list'>
  readonly lanes: LaneEntries
  /** A page of the jobs that are parked behind a deployment, those included that were woken. */
  readonly parkedAt: (deployment: string, offset: number, limit: number) => Promise<readonly JobId[]>
  /** In the order of the ids; null for a job that has ended. */
  readonly placesOf: (ids: readonly JobId[]) => Promise<readonly (JobPlace | null)[]>
  readonly store: Pick<JobStore, 'moveOn' | 'end'>
  readonly queues: LaneQueues
  /** The deployments of each pool. */
  readonly pools: ReadonlyMap<string, readonly string[]>
  /** Pools that are not in the configuration any more. */
  readonly removed?: readonly string[]
  /** How long a pool must have been without a live node: two leases. */
  readonly graceMs: number
  readonly log: Logger
}

/** Jobs of a lane or a backlog that are looked at in one turn. The next turn goes on behind those that had to stay. */
const pageSize = 200

type LivePools = ReadonlyMap<string, readonly NodeReport[]>

/**
 * Finds new homes for jobs of pools that have lost their last node: those that another pool may serve go there, the
 * others stay until their deadline, and so do those whose model says `on_outage: wait`. A node that comes back in the
 * middle finds its entries gone, or superseded; a job that it has just begun is left to it.
 *
 * To a pool that was taken out of the configuration no node comes back. Its jobs go to any other deployment that may serve
 * them and is configured, there to wait if need be; those without one fail.
 */
export class Rehoming {
  readonly #deps: RehomeDeps
  /** Since when a pool has no live node, as far as this process has seen. */
  readonly #lostSince = new Map<string, number>()
  readonly #offsets = new Map<string, number>()
  /** Whoever claimed a job before this and has not its entry any more was told to stop, or is lost. */
  #lostBeforeMs = 0

  constructor(deps: RehomeDeps) {
    this.#deps = deps
  }

  /** Returns how many jobs were moved. */
  async turn(nowMs: number): Promise<number> {
    const { registry, pools, graceMs, log } = this.#deps
    this.#lostBeforeMs = nowMs - graceMs
    const reports = (await registry.list()).filter(({ isDraining }) => !isDraining)
    const live: LivePools = Map.groupBy(reports, ({ pool }) => pool)
    let moved = 0
    const removed = new Map((this.#deps.removed ?? []).map((pool) => [pool, []]))
    for (const [pool, deployments] of [...pools, ...removed]) {
      if (live.has(pool)) {
        this.#lostSince.delete(pool)
        continue
      }
      const sinceMs = this.#lostSince.get(pool) ?? nowMs
      this.#lostSince.set(pool, sinceMs)
      if (nowMs - sinceMs < graceMs || (live.size === 0 && !removed.has(pool))) continue
      const found = await this.#rehome(pool, deployments, live)
      if (found > 0)
        log.warn({ pool, jobs: found }, 'jobs of a pool without a live node were moved to others, or ended')
      moved += found
    }
    return moved
  }

  async #rehome(pool: string, deployments: readonly string[], live: LivePools): Promise<number> {
    let moved = 0
    for (const priority of priorities) {
      for (const sensitivity of sensitivities) moved += await this.#clearLane({ pool, sensitivity, priority }, live)
    }
    for (const deployment of deployments) moved += await this.#clearBacklog(deployment, live)
    return moved
  }

  async #clearLane(lane: Lane, live: LivePools): Promise<number> {
    const { lanes, placesOf } = this.#deps
    const page = Object.values(lane).join('.')
    const offset = this.#offsets.get(page) ?? 0
    const { entries, isLast } = await lanes.page(lane, offset, pageSize)
    const places = await placesOf(entries.map(({ id }) => id))
    let gone = 0
    let moved = 0
    for (const [index, entry] of entries.entries()) {
      const place = places[index] ?? null
      const isStale = place === null || place.hop > entry.hop
      // Whoever moved it on may have died before it was handed over.
      if (isStale && place) await this.#handOver(entry.id, place, place.hop)
      const hasMoved = !isStale && (await this.#move(entry.id, place, entry, live))
      if (hasMoved) moved += 1
      if (!isStale && !hasMoved) continue
      // What is left of it would only be found superseded, by a node that comes back.
      await lanes.drop(lane, entry)
      gone += 1
    }
    this.#offsets.set(page, isLast ? 0 : offset + entries.length - gone)
    return moved
  }

  async #clearBacklog(deployment: string, live: LivePools): Promise<number> {
    const { parkedAt, placesOf } = this.#deps
    const page = `parked ${deployment}`
    const offset = this.#offsets.get(page) ?? 0
    const ids = await parkedAt(deployment, offset, pageSize)
    const places = await placesOf(ids)
    let moved = 0
    for (const [index, id] of ids.entries()) {
      const place = places[index] ?? null
      if (place && (await this.#move(id, place, null, live))) moved += 1
    }
    this.#offsets.set(page, ids.length < pageSize ? 0 : offset + ids.length - moved)
    return moved
  }

  async #move(id: JobId, place: JobPlace, entry: IdleEntry | null, live: LivePools): Promise<boolean> {
    const isRemoved = !this.#deps.pools.has(place.lane.pool)
    const candidate = isRemoved ? this.#anyHome(place, live) : nextHome(place, live)
    const target = candidate === null ? undefined : place.plan.candidates[candidate]
    if (candidate === null || !target) return isRemoved && this.#fail(id, place)
    const lane = { ...place.lane, pool: target.pool }
    const next = { fromHop: place.hop, candidate, lane, readyAtMs: 0 }
    const limit = entry?.wasTaken === true ? {} : { lostBeforeMs: this.#lostBeforeMs }
    if (!(await this.#deps.store.moveOn(id, { ...next, ...limit }))) return false
    await this.#handOver(id, { lane, plan: place.plan, candidate }, place.hop + 1)
    return true
  }

  /** A served one, else one that is only configured. */
  #anyHome({ plan, candidate, attempts }: JobPlace, live: LivePools): number | null {
    const configured = eligibleCandidates(plan, attempts).filter((index) => {
      const { pool = '', deployment = '' } = plan.candidates[index] ?? {}
      return index !== candidate && this.#deps.pools.get(pool)?.includes(deployment)
    })
    const served = configured.find((index) => {
      const home = plan.candidates[index]
      return home !== undefined && isServed(home, live)
    })
    return served ?? configured[0] ?? null
  }

  #fail(id: JobId, { lane, plan, attempts }: JobPlace): Promise<boolean> {
    const message = `The pool ${lane.pool} is no longer configured, and no other deployment may serve the job.`
    const pools = [...new Set(plan.candidates.map(({ pool }) => pool))]
    return this.#deps.store.end(id, 'fail', { error: { code: 'unprocessable_job', message }, attempts, pools })
  }

  #handOver(id: JobId, to: Pick<JobPlace, 'lane' | 'plan' | 'candidate'>, hop: number): Promise<void> {
    const deployment = to.plan.candidates[to.candidate]?.deployment ?? ''
    return this.#deps.queues.addToLane(to.lane, { id, hop, deployment })
  }
}

/** The candidate that comes next in a pool with a live node, also before the one whose turn it was; null without any. */
function nextHome({ plan, candidate, attempts }: JobPlace, live: LivePools): number | null {
  if (plan.onOutage === 'wait') return null
  const homes = eligibleCandidates(plan, attempts).filter((index) => {
    const home = plan.candidates[index]
    return index !== candidate && home !== undefined && isServed(home, live)
  })
  return homes.find((index) => index > candidate) ?? homes[0] ?? null
}

function isServed({ pool, deployment }: { pool: string; deployment: string }, live: LivePools): boolean {
  return (live.get(pool) ?? []).some(({ deployments }) => {
    return deployments.find(({ id }) => id === deployment)?.isReady !== false
  })
}
