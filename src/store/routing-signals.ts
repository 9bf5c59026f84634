import type { Gates, GateView } from '../core/gate.ts'
import type { NodeRegistry, NodeReport } from '../core/node.ts'
import type { DeploymentFacts } from '../core/route-facts.ts'
import {
  type DeploymentSignals,
  type DeploymentSpeed,
  type RoutingSignals,
  type SpeedReader,
  unknownSignals,
} from '../core/routing-signals.ts'
import type { Logger } from '../core/telemetry.ts'

export type SignalSubject = Pick<DeploymentFacts, 'id' | 'pool' | 'limits' | 'breaker' | 'isPerNode'>

export interface RoutingSignalsOptions {
  readonly subjects: readonly SignalSubject[]
  readonly gates: Pick<Gates, 'peek'>
  readonly nodes: Pick<NodeRegistry, 'list'>
  readonly speeds: SpeedReader
  /** How often nodes report. */
  readonly heartbeatMs: number
  readonly log: Logger
  readonly now: () => number
}

const refreshMs = 750
/** What was seen is no longer true when Redis has been away for so long. */
const staleMs = 10_000

/**
 * Looks at gates, nodes and speeds of all deployments again and again: three questions at once, however many deployments
 * there are. Choosing reads what was seen last.
 */
export class RedisRoutingSignals implements RoutingSignals {
  readonly #options: RoutingSignalsOptions
  #seen: ReadonlyMap<string, DeploymentSignals> = new Map()
  #seenAtMs = 0
  #nodes: readonly NodeReport[] = []
  /** Jobs that this process has sent somewhere and that the latest look may not have seen. */
  #sent = new Map<string, number>()
  #sentBefore: ReadonlyMap<string, number> = new Map()
  #startedAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #hasComplained = false

  constructor(options: RoutingSignalsOptions) {
    this.#options = options
  }

  of(deployment: string): DeploymentSignals {
    const isStale = this.#options.now() - this.#seenAtMs > staleMs
    const known = (isStale ? undefined : this.#seen.get(deployment)) ?? unknownSignals
    const sent = (this.#sent.get(deployment) ?? 0) + (this.#sentBefore.get(deployment) ?? 0)
    return sent === 0 ? known : { ...known, load: known.load + sent }
  }

  chose(deployment: string): void {
    this.#sent.set(deployment, (this.#sent.get(deployment) ?? 0) + 1)
  }

  /** Resolves after the first look, whatever came of it. */
  async start(): Promise<void> {
    this.#startedAtMs = this.#options.now()
    await this.#turn()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #turn(): Promise<void> {
    const { log } = this.#options
    try {
      await this.refresh()
      this.#hasComplained = false
    } catch (error) {
      if (!this.#hasComplained && !this.#isStopped) log.warn({ err: error }, 'routing goes by what it last knew')
      this.#hasComplained = true
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#turn(), refreshMs).unref()
  }

  /** Looks now. Rejects when Redis is away. */
  async refresh(): Promise<void> {
    const { subjects, gates, nodes, speeds, now } = this.#options
    const nowMs = now()
    this.#sentBefore = this.#sent
    this.#sent = new Map()
    // The gates of a deployment with one per node are known by the nodes of the look before.
    const asked = subjects.flatMap((subject) => gatesOf(subject, this.#nodes))
    const ids = subjects.map(({ id }) => id)
    const [views, reports, measured] = await Promise.all([
      gates.peek(asked, nowMs),
      nodes.list(),
      speeds.read(ids, nowMs),
    ])
    const viewsById = Map.groupBy(views, (_, index) => asked[index]?.deployment ?? '')
    this.#seen = new Map(
      subjects.map((subject, index) => [
        subject.id,
        this.#combine(subject, viewsById.get(subject.id) ?? [], reports, measured[index] ?? null),
      ]),
    )
    this.#nodes = reports
    this.#seenAtMs = nowMs
  }

  #combine(
    subject: SignalSubject,
    views: readonly GateView[],
    reports: readonly NodeReport[],
    speed: DeploymentSpeed | null,
  ): DeploymentSignals {
    const ready = reports.filter((report) => isReady(report, subject))
    const gate = mergeViews(subject.id, views)
    const waiting = ready.reduce((sum, report) => sum + shareOfWaiting(report), 0)
    return {
      gate,
      // Nobody is missed before every node has had the time to report.
      readyNodes: ready.length > 0 || this.#hasWaited ? ready.length : null,
      speed,
      load: (gate?.running ?? 0) + (gate?.parked ?? 0) + waiting,
    }
  }

  get #hasWaited(): boolean {
    return this.#options.now() - this.#startedAtMs > this.#options.heartbeatMs
  }
}

function gatesOf({ id, pool, limits, breaker, isPerNode }: SignalSubject, nodes: readonly NodeReport[]) {
  if (!isPerNode) return [{ gate: id, deployment: id, limits, breaker }]
  return nodes
    .filter((report) => report.pool === pool)
    .map(({ node }) => ({ gate: `${id}@${node}`, deployment: id, limits, breaker }))
}

function isReady({ pool, isDraining, deployments }: NodeReport, subject: SignalSubject): boolean {
  if (pool !== subject.pool || isDraining) return false
  return deployments.some(({ id, isReady: takesJobs }) => id === subject.id && takesJobs)
}

/** What a node has in hand belongs to any of its deployments. */
function shareOfWaiting({ waiting, deployments }: NodeReport): number {
  return waiting / Math.max(1, deployments.filter(({ isReady: takesJobs }) => takesJobs).length)
}

/** Of several nodes one that has room is enough; calls add up, jobs are parked for all of them together. */
function mergeViews(deployment: string, views: readonly GateView[]): GateView | null {
  const [first] = views
  if (!first || views.length === 1) return first ?? null
  const best = views.toSorted((left, right) => closedFor(left) - closedFor(right))[0] ?? first
  return {
    ...best,
    gate: deployment,
    running: views.reduce((sum, { running }) => sum + running, 0),
    parked: Math.max(...views.map(({ parked }) => parked)),
  }
}

/** Open ones first, then those whose opening is known, breakers last. */
function closedFor({ closed }: GateView): number {
  if (closed === null) return 0
  if (closed.reason === 'breaker') return Number.POSITIVE_INFINITY
  return closed.opensAtMs ?? Number.MAX_SAFE_INTEGER
}
