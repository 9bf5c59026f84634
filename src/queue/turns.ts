import { type Priority, priorities } from '../core/vocabulary.ts'
import { startOvertaking, stopOvertaking, type Wait, wouldKeepTooLong } from './overtaking.ts'

/** Where a deployment's calls go on this node. */
export interface Place {
  /** Calls at the same time; may change as the node learns more of the server. */
  readonly limit: () => number
  /** The server, where its models push each other out of memory; null where no call costs another one a load. */
  readonly server: string | null
  /** The model's name there. */
  readonly model: string
  /** False while the node makes no calls for it: its entries get their turn at once, to be sent elsewhere. */
  readonly isReady: () => boolean
}

export interface TurnsOptions {
  /** Calls at the same time over all deployments; may change as the node learns more of its servers. */
  readonly slots: () => number
  /** How long an entry may be kept from starting by others that came after it, in milliseconds. */
  readonly maxWaitMs: number
  /** By deployment. One that is not here has no limit but the slots. */
  readonly places: ReadonlyMap<string, Place>
  readonly now: () => number
}

export interface Turn {
  /** The work is over, whatever became of it. */
  end(): void
}

/** An entry that waits, as far as choosing goes. */
interface Waiting extends Wait {
  readonly deployment: string
  readonly rank: number
  readonly grant: (turn: Turn) => void
}

function newWait(entry: { deployment: string; priority: Priority }, grant: Waiting['grant']): Waiting {
  const { deployment, priority } = entry
  return { deployment, rank: priorities.indexOf(priority), overtakers: 0, keptMs: 0, keptSinceMs: 0, grant }
}

interface Running {
  readonly deployment: string
  readonly startedAtMs: number
  /** Its model was in memory. */
  readonly wasWarm: boolean
  /** Those that came before it and could not start because it and its like did. */
  readonly overtaken: readonly Waiting[]
}

/** A server whose models push each other out of memory. */
class Server {
  /** What is in memory, as far as is known. */
  loaded: ReadonlySet<string> = new Set()
  /** Something else has it: a probe. */
  isHeld = false
  running = 0
  /** Calls that had to load their model, begun and ended. */
  loads = 0
}

const batchRank = priorities.indexOf('batch')
const newestWeight = 0.3
/** For entries that need no slot. */
const freeTurn: Turn = { end() {} }

/**
 * Which of the entries in hand starts next. Priority goes first. Among equals those go first whose model is in memory,
 * because loading one costs seconds: a node with three models and jobs that alternate would do nothing but load. A
 * model that has to be loaded waits until its server does nothing else, as the server itself would make it wait.
 *
 * Nobody is overtaken for ever: as soon as one more call that overtakes could keep an entry longer than `maxWaitMs`
 * from starting, nothing that came after it starts before it on its server. What it waits for those that came before it
 * does not count: that is the node being busy, and with first come, first served it would wait as long.
 *
 * All deployments of one Ollama share a server; several of its models count as loaded when it says so (`setLoaded`).
 * Batch work never takes the last of several slots.
 */
export class Turns {
  readonly #options: TurnsOptions
  readonly #servers = new Map<string, Server>()
  readonly #running = new Set<Running>()
  readonly #calls = new Map<string, number>()
  /** What a call takes by deployment: a decayed average of those that loaded nothing, before the first that did. */
  readonly #usual = new Map<string, { readonly ms: number; readonly isWarm: boolean }>()
  /** In the order in which they came. */
  #waiting: Waiting[] = []

  constructor(options: TurnsOptions) {
    this.#options = options
    for (const { server } of options.places.values()) {
      if (server !== null) this.#servers.set(server, new Server())
    }
  }

  get running(): number {
    return this.#running.size
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Waits for the turn of an entry. Null when `signal` fired before it came. */
  take(entry: { deployment: string; priority: Priority }, signal: AbortSignal): Promise<Turn | null> {
    if (signal.aborted) return Promise.resolve(null)
    return new Promise((resolve) => {
      const waiting = newWait(entry, (turn) => {
        signal.removeEventListener('abort', leave)
        resolve(turn)
      })
      const leave = () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting)
        resolve(null)
        this.recheck()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
      this.recheck()
    })
  }

  /** The turn of an entry that need not wait for it, null where it must. */
  takeNow(entry: { deployment: string; priority: Priority }): Turn | null {
    if (!this.#isReady(entry.deployment)) return null
    const granted: Turn[] = []
    const waiting = newWait(entry, (turn) => granted.push(turn))
    this.#waiting.push(waiting)
    this.recheck()
    if (granted.length === 0) this.#waiting.pop()
    return granted[0] ?? null
  }

  /** Deployments that could start one more call now, if they had an entry. */
  free(): string[] {
    if (this.#running.size >= this.#options.slots()) return []
    return [...this.#options.places.keys()].filter((each) => this.#isReady(each) && this.#hasRoom(each))
  }

  /** Whether the model of a deployment is in memory, or need not be loaded. */
  isWarm(deployment: string): boolean {
    const place = this.#options.places.get(deployment)
    return !place || (this.#serverOf(deployment)?.loaded.has(place.model) ?? true)
  }

  /** A number that changes when a model begins to be loaded and when that call is over; for `setLoaded`. */
  loadsOf(server: string): number {
    return this.#servers.get(server)?.loads ?? 0
  }

  /** What a server says that it has in memory, unless a load came between its answer and `asOf`, from `loadsOf`. */
  setLoaded(server: string, models: readonly string[], asOf: number): void {
    const known = this.#servers.get(server)
    if (!known || known.loads !== asOf || this.#isLoading(known)) return
    known.loaded = new Set(models)
    this.recheck()
  }

  /** Takes a server that does nothing for something else than entries. Null while it is busy. */
  hold(name: string): (() => void) | null {
    const server = this.#servers.get(name)
    if (!server || server.isHeld || server.running > 0) return null
    server.isHeld = true
    return () => {
      server.isHeld = false
      this.recheck()
    }
  }

  /** Looks again at what may start: limits or loaded models may have changed. */
  recheck(): void {
    const unserved = this.#waiting.filter(({ deployment }) => !this.#isReady(deployment))
    this.#waiting = this.#waiting.filter((each) => !unserved.includes(each))
    for (const each of unserved) each.grant(freeTurn)
    for (let next = this.#choose(); next; next = this.#choose()) this.#start(next)
  }

  #choose(): Waiting | null {
    const slots = this.#options.slots()
    if (this.#running.size >= slots) return null
    const keepsLastSlot = slots > 1 && this.#running.size === slots - 1
    const decided = new Set<Server>()
    for (const rank of priorities.keys()) {
      if (rank === batchRank && keepsLastSlot) break
      for (const waiting of this.#waiting) {
        if (waiting.rank !== rank || !this.#hasRoom(waiting.deployment)) continue
        const server = this.#serverOf(waiting.deployment)
        if (!server) return waiting
        if (decided.has(server)) continue
        // The first entry that has room speaks for its server: those of lower priority must not go before it.
        decided.add(server)
        const next = this.#chooseOn(server, rank)
        if (next) return next
      }
    }
    return null
  }

  /** Among the entries of one priority for one server: the first whose model is loaded, or else the first. */
  #chooseOn(server: Server, rank: number): Waiting | null {
    if (server.isHeld) return null
    const mine = this.#waiting.filter(
      (each) => each.rank === rank && this.#serverOf(each.deployment) === server && this.#hasRoom(each.deployment),
    )
    const nowMs = this.#options.now()
    const warm = mine.findIndex((each) => this.isWarm(each.deployment))
    const next = mine[warm]
    if (next) {
      const usual = this.#usual.get(next.deployment)
      const facts = {
        nowMs,
        callMs: usual?.ms ?? 0,
        isMeasured: usual?.isWarm ?? false,
        maxWaitMs: this.#options.maxWaitMs,
      }
      if (!mine.slice(0, warm).some((each) => wouldKeepTooLong(each, facts))) return next
    }
    return server.running === 0 ? (mine[0] ?? null) : null
  }

  #start(next: Waiting): void {
    const nowMs = this.#options.now()
    const place = this.#options.places.get(next.deployment)
    const server = this.#serverOf(next.deployment)
    const position = this.#waiting.indexOf(next)
    const overtaken = this.#waiting
      .slice(0, position)
      .filter((each) => server && each.rank === next.rank && this.#serverOf(each.deployment) === server)
      // One whose own deployment is full waits for that.
      .filter((each) => this.#hasRoom(each.deployment))
    for (const each of overtaken) startOvertaking(each, nowMs)
    this.#waiting.splice(position, 1)
    const wasWarm = this.isWarm(next.deployment)
    const running: Running = { deployment: next.deployment, startedAtMs: nowMs, wasWarm, overtaken }
    this.#running.add(running)
    this.#calls.set(next.deployment, (this.#calls.get(next.deployment) ?? 0) + 1)
    if (server && place) {
      server.running += 1
      // What else may have stayed in memory is the server's to say.
      if (!wasWarm) server.loaded = new Set([place.model])
      if (!wasWarm) server.loads += 1
    }
    let isOver = false
    next.grant({
      end: () => {
        if (isOver) return
        isOver = true
        this.#end(running)
      },
    })
  }

  #end(running: Running): void {
    const nowMs = this.#options.now()
    this.#running.delete(running)
    this.#calls.set(running.deployment, (this.#calls.get(running.deployment) ?? 1) - 1)
    for (const each of running.overtaken) stopOvertaking(each, nowMs)
    const server = this.#serverOf(running.deployment)
    if (server) server.running -= 1
    if (server && !running.wasWarm) server.loads += 1
    this.#learn(running, nowMs - running.startedAtMs)
    this.recheck()
  }

  #learn({ deployment, wasWarm }: Running, tookMs: number): void {
    const known = this.#usual.get(deployment)
    if (known?.isWarm && !wasWarm) return
    const isSame = known?.isWarm === wasWarm
    this.#usual.set(deployment, {
      ms: isSame ? known.ms + newestWeight * (tookMs - known.ms) : tookMs,
      isWarm: wasWarm,
    })
  }

  #hasRoom(deployment: string): boolean {
    const place = this.#options.places.get(deployment)
    return !place || (this.#calls.get(deployment) ?? 0) < place.limit()
  }

  #isLoading(server: Server): boolean {
    return [...this.#running].some((each) => !each.wasWarm && this.#serverOf(each.deployment) === server)
  }

  #isReady(deployment: string): boolean {
    return this.#options.places.get(deployment)?.isReady() ?? true
  }

  #serverOf(deployment: string): Server | undefined {
    const name = this.#options.places.get(deployment)?.server
    return name === undefined || name === null ? undefined : this.#servers.get(name)
  }
}
