import { freemem, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { usualConcurrency } from '../core/concurrency.ts'
import type { EntryConsumer } from '../core/consumer.ts'
import type { NodeRefusal, NodeRegistry, NodeReport, NodeTransport } from '../core/node.ts'
import type { Provider } from '../core/provider.ts'
import type { Logger } from '../core/telemetry.ts'
import type { Residency, Sensitivity } from '../core/vocabulary.ts'
import { watchProvider } from './watch-provider.ts'
import { type NodeDeployment, WatchedDeployment } from './watched-deployment.ts'
import { isWatched, rootOf, swapsModels, WatchedServer } from './watched-server.ts'

/** Where calls of a deployment go, for whoever decides which one starts next. */
export interface NodePlace {
  readonly limit: () => number
  readonly server: string | null
  readonly model: string
  readonly isReady: () => boolean
}

/** What the watch tells the scheduler, and asks it. */
interface TurnKeeper {
  readonly running: number
  loadsOf(server: string): number
  setLoaded(server: string, models: readonly string[], asOf: number): void
  hold(server: string): (() => void) | null
  recheck(): void
}

export interface NodeWatchOptions {
  readonly node: string
  readonly pool: string
  readonly residency: Residency
  readonly transport: NodeTransport
  readonly version: string
  readonly deployments: readonly NodeDeployment[]
  readonly registry: Pick<NodeRegistry, 'report' | 'remove'>
  readonly heartbeatMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

interface Running {
  readonly consumer: Pick<EntryConsumer, 'pause' | 'resume' | 'inFlight' | 'waiting'>
  readonly turns: TurnKeeper
}

/** A model that was loaded for a call may have pushed others out, or have found room beside them. */
const lookAgainAfterMs = 200

/**
 * Looks after the servers of models that a node calls: what they have, what they have loaded, whether they are there, and
 * whether prompts stay here. Reports it to the registry, and takes the word to drain from there. Only servers of
 * on-premises pools are looked at; one question after the other, with every heartbeat.
 */
export class NodeWatch {
  readonly #options: NodeWatchOptions
  readonly #servers: readonly WatchedServer[]
  readonly #watched: ReadonlyMap<string, WatchedDeployment>
  readonly #startedAtMs = Date.now()
  #running: Running | null = null
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #looking: Promise<void> | null = null
  #lookAgain: NodeJS.Timeout | undefined
  #probing = false
  #mustDrain = false
  #leaving = false
  #stopped = false
  #readyElsewhere: ReadonlySet<string> = new Set()

  constructor(options: NodeWatchOptions) {
    this.#options = options
    const servers = new Map<string, WatchedServer>()
    const watched = new Map<string, WatchedDeployment>()
    for (const deployment of options.residency === 'onprem' ? options.deployments : []) {
      const { id, provider, baseUrl, headers } = deployment
      if (!isWatched(provider) || baseUrl === undefined) continue
      const root = rootOf(baseUrl)
      const known = servers.get(root)
      const server = known ?? new WatchedServer({ root, provider, headers, parallel: this.#toldParallel(deployment) })
      servers.set(root, server)
      watched.set(id, new WatchedDeployment(deployment, server))
    }
    this.#servers = [...servers.values()]
    this.#watched = watched
  }

  /** For `Turns`. */
  places(): Map<string, NodePlace> {
    return new Map(
      this.#options.deployments.map((deployment) => {
        const { id, model, provider } = deployment
        const watched = this.#watched.get(id)
        const swaps = watched !== undefined && isWatched(provider) && swapsModels(provider)
        const server = swaps ? watched.server.root : null
        return [id, { limit: () => this.#limitOf(deployment), server, model, isReady: () => this.isReady(id) }]
      }),
    )
  }

  /** Calls at the same time, over all deployments, as far as the servers have told by now. */
  slots(): number {
    return Math.max(
      1,
      this.#options.deployments.reduce((total, deployment) => total + this.#limitOf(deployment), 0),
    )
  }

  /** The provider of a deployment, so that its calls are heeded. Call it once for each before `start`. */
  watch(id: string, provider: Provider): Provider {
    const watched = this.#watched.get(id)
    if (!watched) return provider
    watched.provider = provider
    return watchProvider(provider, {
      begun: () => {
        watched.running += 1
      },
      ended: (failure) => {
        watched.running -= 1
        // An unknown server may be anything: its failures are the breaker's business.
        if (failure === null) watched.suspicion.succeeded()
        else if (watched.server.runtime) watched.suspicion.failed(failure, Date.now())
        if (watched.suspicion.reason !== null) this.#running?.turns.recheck()
        // A server may go on with what nobody waits for any more.
        if (failure !== null || (watched.server.runtime && !watched.isLoaded)) this.#lookSoon(watched.server)
      },
    })
  }

  /** Why this node does not call a deployment for a job of this class now; null where it does. */
  refusalOf(id: string, sensitivity: Sensitivity): NodeRefusal | null {
    const watched = this.#watched.get(id)
    if (!watched) return null
    const { servesFrom, isReady, reason } = watched.state
    const notReady = (why: string) =>
      ({ kind: 'not_ready', reason: why, isElsewhere: this.#readyElsewhere.has(id) }) as const
    // Whoever wants that gives it to a cloud pool, whose jobs are masked.
    if (servesFrom === 'cloud') return { kind: 'forbidden', reason: `${id} is served by somebody’s cloud` }
    if (!isReady) return notReady(reason ?? 'not ready')
    if (sensitivity !== 'public' && servesFrom === 'unknown') return notReady(`${id} is not known to be served here`)
    return null
  }

  isReady(id: string): boolean {
    return this.refusalOf(id, 'public') === null
  }

  /** Looks at every server once. Before that no more is known of them than the configuration says. */
  async look(): Promise<void> {
    for (const server of this.#servers) await this.#look(server)
  }

  /** Looks and reports; resolves when both are done. Then so with every heartbeat. */
  async start(running: Running): Promise<void> {
    this.#running = running
    await this.#beat()
  }

  /** From now on the node reports that it takes nothing new. */
  leave(): void {
    this.#leaving = true
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lookAgain)
    await this.#turn
    await this.#options.registry.remove(this.#options.node).catch(() => undefined)
  }

  #beat(): Promise<void> {
    this.#turn = this.#makeTurn().finally(() => {
      if (!this.#stopped) this.#timer = setTimeout(() => void this.#beat(), this.#options.heartbeatMs)
    })
    return this.#turn
  }

  async #makeTurn(): Promise<void> {
    this.#looking ??= this.look().finally(() => {
      this.#looking = null
    })
    // Servers that hang must not make the node look lost.
    await Promise.race([this.#looking, sleep(this.#options.heartbeatMs, undefined, { ref: false })])
    await this.#report()
    await this.#openOrClose()
    void this.#probeNext()
  }

  async #look(server: WatchedServer): Promise<void> {
    const before = server.trouble
    const asOf = this.#running?.turns.loadsOf(server.root) ?? 0
    const calls = this.#callsOn(server)
    await server.look()
    // Calls may begin and end while it answers.
    server.strangers = Math.max(0, (server.busy ?? 0) - Math.max(calls, this.#callsOn(server)))
    if (server.trouble !== before) {
      this.#options.log.info({ server: server.root, trouble: server.trouble }, 'a server of models has changed')
    }
    const kind = server.runtime?.kind
    if (kind === 'ollama' || kind === 'lm-studio') {
      const loaded = [...this.#watched.values()].filter((each) => each.server === server && each.isLoaded)
      this.#running?.turns.setLoaded(
        server.root,
        loaded.map(({ config }) => config.model),
        asOf,
      )
    } else this.#running?.turns.recheck()
  }

  #lookSoon(server: WatchedServer): void {
    if (this.#stopped || this.#lookAgain) return
    this.#lookAgain = setTimeout(() => {
      this.#lookAgain = undefined
      void this.#look(server)
    }, lookAgainAfterMs)
  }

  async #report(): Promise<void> {
    const { registry, heartbeatMs, log } = this.#options
    try {
      const { mustDrain, readyElsewhere } = await registry.report(this.#describe(), heartbeatMs)
      this.#mustDrain = mustDrain
      this.#readyElsewhere = new Set(readyElsewhere)
    } catch (error) {
      log.debug({ err: error }, 'the node could not report; it goes on as before')
    }
  }

  /** Takes nothing while it is told to drain, or while all that it could do is done better by others. */
  async #openOrClose(): Promise<void> {
    const { deployments, log } = this.#options
    const isUseless = deployments.length > 0 && deployments.every(({ id }) => this.#isOnlyElsewhere(id))
    const { consumer } = this.#running ?? {}
    if (!consumer) return
    if (this.#mustDrain || isUseless) {
      await consumer.pause().catch((error: unknown) => log.debug({ err: error }, 'entries could not be handed back'))
    } else consumer.resume()
  }

  #isOnlyElsewhere(id: string): boolean {
    const refusal = this.refusalOf(id, 'public')
    return refusal?.kind === 'not_ready' && refusal.isElsewhere
  }

  /** At most one at a time on this machine, and only where the server does nothing else. */
  async #probeNext(): Promise<void> {
    if (this.#probing) return
    const { log } = this.#options
    const due = [...this.#watched.values()].find(
      ({ suspicion, server }) => suspicion.isProbeDue(Date.now()) && server.trouble === null && this.#isIdle(server),
    )
    if (!due) return
    const release = this.#running?.turns.hold(due.server.root) ?? null
    // An entry may have its turn and not have called yet.
    if (release === null && swapsModels(due.server.provider)) return
    this.#probing = true
    try {
      const isAlive = await due.probe(Date.now)
      log.info({ deployment: due.config.id, is_alive: isAlive }, 'a suspected deployment was probed')
    } finally {
      this.#probing = false
      release?.()
      this.#running?.turns.recheck()
    }
  }

  #isIdle(server: WatchedServer): boolean {
    return this.#callsOn(server) === 0
  }

  /** Calls of this node that are under way. */
  #callsOn(server: WatchedServer): number {
    const deployments = [...this.#watched.values()].filter((each) => each.server === server)
    return deployments.reduce((total, { running }) => total + running, 0)
  }

  #limitOf({ id, concurrency, provider }: NodeDeployment): number {
    const server = this.#watched.get(id)?.server
    const told = server?.parallel ?? null
    const limit = concurrency ?? told ?? usualConcurrency(provider)
    return server && told !== null ? Math.max(0, Math.min(limit, told - server.strangers)) : limit
  }

  /** Ollama tells nobody how many calls it works on at once; on its own machine the environment does. */
  #toldParallel({ perNode }: NodeDeployment): number | null {
    const told = Number(this.#options.env.OLLAMA_NUM_PARALLEL)
    return perNode && Number.isInteger(told) && told > 0 ? told : null
  }

  #describe(): NodeReport {
    const { node, pool, transport, version, deployments } = this.#options
    const { consumer, turns } = this.#running ?? {}
    const open = { isReady: true, reason: null, isLoaded: null, servesFrom: this.#servesFrom } as const
    return {
      node,
      pool,
      transport,
      version,
      startedAtMs: this.#startedAtMs,
      reportedAtMs: Date.now(),
      isDraining: this.#mustDrain || this.#leaving,
      running: turns?.running ?? 0,
      slots: this.slots(),
      waiting: consumer?.waiting ?? 0,
      deployments: deployments.map(({ id }) => this.#watched.get(id)?.state ?? { id, ...open }),
      runtimes: this.#servers.flatMap(({ runtime }) => runtime ?? []),
      memory: { totalBytes: totalmem(), freeBytes: freemem() },
      platform: `${process.platform} ${process.arch}`,
    }
  }

  get #servesFrom(): 'here' | 'cloud' {
    return this.#options.residency === 'onprem' ? 'here' : 'cloud'
  }
}
