import type { BreakerPolicy, GateSettings, Gates, WokenJob } from '../core/gate.ts'
import type { LaneQueues } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import type { Sensitivity } from '../core/vocabulary.ts'

export interface KeeperDeps {
  readonly gates: Pick<Gates, 'peek' | 'wake'>
  readonly queues: LaneQueues
  /** The gates whose parked jobs this process wakes: those of its own pool's deployments. */
  readonly settings: readonly GateSettings[]
  /** Whether jobs of a class can be served here now by a deployment: what would be refused again is not woken for it. */
  readonly isReady: (deployment: string, sensitivity: Sensitivity) => boolean
  readonly log: Logger
  readonly now: () => number
}

/** How often a process looks for jobs that others have parked behind its gates. */
const lookMs = 1_000
/** Jobs that are woken in one step, and steps in a row: gates without a limit have room for any number. */
const wakeBatch = 100
const wakesInARow = 5
/** A gate that opens at a moment opens for all processes; who comes a little later finds what is left. */
const shortestWaitMs = 5
const longestWaitMs = 60_000

interface Watched {
  readonly settings: GateSettings
  /** Jobs are parked, as far as this process knows. */
  hasBacklog: boolean
  isWaking: boolean
  /** Something happened while it was being woken. */
  again: boolean
  /** There was no room when it was last woken, and only the end of a call makes some. */
  isFull: boolean
  /** Until when only the look wakes it: what this process refuses, and has parked, it would take and park at once again. */
  restsUntilMs: number
  alarm: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null
}

/**
 * Wakes jobs that are parked behind the gates of a dispatcher's deployments, as many as there is room for: after every
 * end of an attempt, when a gate says that it opens, and once a second for what other processes have parked. A gate
 * without a backlog costs nothing but its part of that one look; one with a backlog is woken by one call at a time.
 */
export class BacklogKeeper {
  readonly #deps: KeeperDeps
  readonly #watched: ReadonlyMap<string, Watched>
  #looking: NodeJS.Timeout | null = null
  #room: (() => number) | null = null
  #stopped = false
  readonly #busy = new Set<Promise<void>>()

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    this.#watched = new Map(
      deps.settings.map((settings) => [
        settings.deployment,
        { settings, hasBacklog: false, isWaking: false, again: false, isFull: false, restsUntilMs: 0, alarm: null },
      ]),
    )
  }

  /**
   * `room` is how many jobs this process could take now; any number unless given. Where other nodes of the pool can't
   * serve what waits for this one, more would only be parked again by them.
   */
  start(room: (() => number) | null = null): void {
    this.#room = room
    void this.#lookOnAndOn()
  }

  /** Wakes nothing more. Resolves when what it has woken is in its lane. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#looking) clearTimeout(this.#looking)
    for (const { alarm } of this.#watched.values()) clearTimeout(alarm?.timer)
    await Promise.all(this.#busy)
  }

  /** Say so after every attempt, however it went: there may be room now. */
  freed(deployment: string): void {
    const watched = this.#watched.get(deployment)
    if (!watched?.hasBacklog || this.#rests(watched)) return
    watched.isFull = false
    // Until a gate opens by its clock the end of a call changes nothing but what it used of its tokens.
    if (watched.alarm === null || watched.settings.limits.tokensPerMinute !== null) this.#wake(watched)
  }

  /** A job of this class was parked behind a deployment. */
  parked(deployment: string, sensitivity: Sensitivity): void {
    const watched = this.#watched.get(deployment)
    if (!watched) return
    watched.hasBacklog = true
    if (!this.#deps.isReady(deployment, sensitivity)) watched.restsUntilMs = this.#deps.now() + lookMs
    if (this.#rests(watched)) return
    // What its gate is waiting for is known already; one more job behind it changes nothing.
    if (watched.alarm === null && !watched.isFull) this.#wake(watched)
  }

  /** The gates, so that what is parked through them is known here at once. */
  watching(gates: Pick<Gates, 'peek' | 'park'>): Pick<Gates, 'peek' | 'park'> {
    return {
      peek: (asked, nowMs) => gates.peek(asked, nowMs),
      park: async (id, at) => {
        const isParked = await gates.park(id, at)
        if (isParked) this.parked(at.deployment, at.lane.sensitivity)
        return isParked
      },
    }
  }

  #rests({ restsUntilMs }: Watched): boolean {
    return this.#deps.now() < restsUntilMs
  }

  async #lookOnAndOn(): Promise<void> {
    await this.#track(this.#look())
    if (!this.#stopped) this.#looking = setTimeout(() => void this.#lookOnAndOn(), lookMs)
  }

  async #look(): Promise<void> {
    const all = [...this.#watched.values()]
    const { gates, now } = this.#deps
    const views = await gates.peek(
      all.map(({ settings }) => settings),
      now(),
    )
    for (const [index, watched] of all.entries()) {
      watched.hasBacklog = (views[index]?.parked ?? 0) > 0
      if (watched.hasBacklog) this.#wake(watched)
    }
  }

  #wake(watched: Watched): void {
    if (this.#stopped || !this.#deps.isReady(watched.settings.deployment, 'public')) return
    if (watched.isWaking) {
      watched.again = true
      return
    }
    watched.isWaking = true
    void this.#track(
      this.#wakeAll(watched).finally(() => {
        watched.isWaking = false
        if (!watched.again) return
        watched.again = false
        this.#wake(watched)
      }),
    )
  }

  async #wakeAll(watched: Watched): Promise<void> {
    const { gates, queues, now } = this.#deps
    if (this.#room) return this.#wakeSome(watched, Math.min(wakeBatch, this.#room()))
    for (let turn = 1; turn <= wakesInARow; turn += 1) {
      watched.again = false
      const { woken, againAtMs, parked } = await gates.wake(watched.settings, wakeBatch, now())
      await addToLanes(woken, queues)
      watched.hasBacklog = parked > 0
      watched.isFull = parked > 0 && againAtMs === null && !watched.again
      const hasRoom = againAtMs !== null && againAtMs <= now()
      if (parked > 0 && hasRoom && turn < wakesInARow && !this.#stopped) continue
      this.#setAlarm(watched, parked > 0 ? againAtMs : null)
      return
    }
  }

  /** What is left is woken when a call has ended, or by the next look. */
  async #wakeSome(watched: Watched, limit: number): Promise<void> {
    const { gates, queues, now } = this.#deps
    watched.again = false
    watched.isFull = true
    if (limit < 1) return
    const { woken, againAtMs, parked } = await gates.wake(watched.settings, limit, now())
    await addToLanes(woken, queues)
    watched.hasBacklog = parked > 0
    watched.isFull = parked > 0
    const opensLater = againAtMs !== null && againAtMs > now()
    this.#setAlarm(watched, parked > 0 && opensLater ? againAtMs : null)
  }

  #setAlarm(watched: Watched, atMs: number | null): void {
    clearTimeout(watched.alarm?.timer)
    watched.alarm = null
    if (atMs === null || this.#stopped) return
    const waitMs = Math.min(longestWaitMs, Math.max(shortestWaitMs, Math.ceil(atMs - this.#deps.now())))
    const timer = setTimeout(() => {
      watched.alarm = null
      this.#wake(watched)
    }, waitMs)
    watched.alarm = { atMs, timer }
  }

  #track(work: Promise<void>): Promise<void> {
    // Whatever is not woken now is woken by the next look, of this process or another.
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#stopped) this.#deps.log.debug({ err: error }, 'parked jobs could not be woken; it is tried again')
      })
      .finally(() => this.#busy.delete(tracked))
    this.#busy.add(tracked)
    return tracked
  }
}

/**
 * Adds woken jobs whose waker died before it did so to their lanes. For the courier; harmless where they are there.
 * Returns how many.
 */
export async function readdStranded(deps: {
  gates: Pick<Gates, 'stranded'>
  queues: LaneQueues
  deployments: readonly string[]
  nowMs: number
}): Promise<number> {
  const woken = await deps.gates.stranded(deps.deployments, deps.nowMs - strandedAfterMs, strandedBatch)
  await addToLanes(woken, deps.queues)
  return woken.length
}

/**
 * Wakes jobs that are parked behind deployments of which the configuration says nothing any more: no keeper does. Each is
 * refused by a dispatcher of its pool, and goes on to its next candidate. For the courier.
 */
export async function wakeOrphans(deps: {
  gates: Pick<Gates, 'wake'>
  queues: LaneQueues
  deployments: readonly string[]
  breaker: BreakerPolicy
  nowMs: number
}): Promise<void> {
  const limits = { requestsPerMinute: null, tokensPerMinute: null, parallel: null }
  for (const deployment of deps.deployments) {
    // A gate that is always open: its own may stay shut, and has nobody who probes.
    const settings = { gate: `${deployment}@`, deployment, limits, breaker: deps.breaker }
    const { woken } = await deps.gates.wake(settings, wakeBatch, deps.nowMs)
    await addToLanes(woken, deps.queues)
  }
}

/** A waker adds to the lane within one round trip; a job that waits there longer is only added again, for nothing. */
const strandedAfterMs = 10_000
const strandedBatch = 500

/** The last one first: each goes before those that are in the lane already. */
async function addToLanes(woken: readonly WokenJob[], queues: LaneQueues): Promise<void> {
  const added = woken.toReversed().map(({ id, hop, lane, deployment }) => {
    return queues.addToLane(lane, { id, hop, deployment, goesFirst: true })
  })
  await Promise.all(added)
}
