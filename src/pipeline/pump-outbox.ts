import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../core/telemetry.ts'

/** Something that ended, written down in the step that ended it: `<id> <event type> [note]`. */
export interface OutboxRow {
  readonly id: string
  readonly type: string
  readonly note: string
  /** As it is stored. */
  readonly raw: string
}

/** The rows; the adapter is `store/outbox.ts`. */
export interface Outbox {
  /** Waits a moment for a row and sets it aside. */
  take(): Promise<OutboxRow | null>
  /** Everything that was set aside and not yet handed on, by whomever. */
  taken(): Promise<readonly OutboxRow[]>
  handedOn(row: OutboxRow): Promise<void>
}

/** Writes down who is to hear of a row, by what the row's id begins with. Called again after a crash. */
export type Tellers = Readonly<Record<string, (row: OutboxRow) => Promise<void>>>

const rowsAtOnce = 16
const pauseMs = 250

/** Turns rows of the outbox into deliveries. A pump that dies in the middle leaves its rows to the next one. */
export class OutboxPump {
  readonly #outbox: Outbox
  readonly #tellers: Tellers
  readonly #log: Logger
  /** Those in hand here, so that they are not looked at a second time meanwhile. */
  readonly #inHand = new Map<string, Promise<void>>()

  constructor(options: { outbox: Outbox; tellers: Tellers; log: Logger }) {
    this.#outbox = options.outbox
    this.#tellers = options.tellers
    this.#log = options.log
  }

  /** Until `stopping` fires, and a moment longer: a read that waits is only ended with its connection. */
  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      try {
        const row = await this.#outbox.take()
        if (row) void this.#start(row)
        if (this.#inHand.size >= rowsAtOnce) await Promise.race(this.#inHand.values())
      } catch (error) {
        if (!stopping.aborted) this.#log.debug({ err: error }, 'the outbox could not be read')
        await sleep(pauseMs)
      }
    }
    await Promise.all(this.#inHand.values())
  }

  /** Hands on what was left behind: rows of couriers that died, and those that failed. */
  async sweep(): Promise<void> {
    for (const row of await this.#outbox.taken()) {
      if (!this.#inHand.has(row.raw)) await this.#start(row)
    }
  }

  #start(row: OutboxRow): Promise<void> {
    const work = handOn(row, { outbox: this.#outbox, tellers: this.#tellers })
      .catch((error) => {
        this.#log.debug({ err: error, subject: row.id }, 'an event could not be handed on; it is tried again')
      })
      .finally(() => this.#inHand.delete(row.raw))
    this.#inHand.set(row.raw, work)
    return work
  }
}

/** Hands one row on. Doing that twice is one delivery to each receiver. @throws Error for a row of an unknown kind. */
export async function handOn(row: OutboxRow, to: { outbox: Outbox; tellers: Tellers }): Promise<void> {
  const tell = to.tellers[row.id.slice(0, row.id.indexOf('_'))]
  // A courier of a later release may know it: this one leaves it lying.
  if (!tell) throw new Error('nobody here knows whom to tell of this')
  await tell(row)
  await to.outbox.handedOn(row)
}
