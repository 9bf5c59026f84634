import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Logger } from '../core/telemetry.ts'
import { channels } from '../store/keys.ts'
import type { Held } from './held-entries.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Turns } from './turns.ts'

export interface WorkSharingOptions {
  readonly redis: Redis
  /** Listens to the pool's channel besides what it listens to already. */
  readonly subscriber: Redis
  readonly pool: string
  readonly node: string
  readonly consumer: Pick<LaneConsumer, 'share' | 'waiting' | 'isOpen'>
  readonly turns: Pick<Turns, 'free' | 'isWarm' | 'running' | 'waiting'>
  readonly log: Logger
}

/** What a node says that has nothing to do. Ids of deployments, no content. */
const callSchema = z.object({
  node: z.string(),
  /** Deployments that it could call now. */
  free: z.array(z.string()),
  /** Those among them whose model it has in memory. */
  warm: z.array(z.string()),
})
type Call = z.infer<typeof callSchema>

const askEveryMs = 500
/** Longer than the next call takes to come: whoever is still idle is still heard. */
const shareForMs = 1_500
/** While nobody listens who could have work. */
const alonePauses = 6

/**
 * Keeps the nodes of a pool from holding work ahead while others have none. A node that could start an entry and has
 * none says so on the pool's channel, twice a second while that lasts; every node that holds entries ahead for which the
 * other has room puts half of them back into their lanes, those first that it would have to load a model for itself, and
 * takes nothing ahead while it is asked.
 */
export class WorkSharing {
  readonly #options: WorkSharingOptions
  readonly #channel: string
  #timer: NodeJS.Timeout | undefined
  #pauses = 0

  constructor(options: WorkSharingOptions) {
    this.#options = options
    this.#channel = channels.pool(options.pool)
  }

  async start(): Promise<void> {
    this.#options.subscriber.on('message', this.#onMessage)
    await this.#options.subscriber.subscribe(this.#channel)
    this.#timer = setInterval(() => void this.#ask(), askEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#options.subscriber.off('message', this.#onMessage)
  }

  readonly #onMessage = (channel: string, text: string): void => {
    if (channel !== this.#channel) return
    const call = callSchema.safeParse(parseJson(text))
    if (!call.success || call.data.node === this.#options.node) return
    const { consumer, log } = this.#options
    if (consumer.waiting === 0) return
    consumer
      .share((ahead) => this.#chooseFor(call.data, ahead), shareForMs)
      .catch((error: unknown) => log.debug({ err: error }, 'entries could not be handed back; their leases run on'))
  }

  async #ask(): Promise<void> {
    const { turns, redis, node, consumer, log } = this.#options
    if (turns.waiting > 0 || !consumer.isOpen) return
    const free = turns.free()
    if (free.length === 0) return
    this.#pauses -= 1
    if (this.#pauses > 0) return
    const call: Call = { node, free, warm: free.filter((deployment) => turns.isWarm(deployment)) }
    try {
      const listeners = await redis.publish(this.#channel, JSON.stringify(call))
      this.#pauses = listeners > 1 ? 1 : alonePauses
    } catch (error) {
      log.debug({ err: error }, 'the other nodes could not be asked for work')
    }
  }

  #chooseFor(call: Call, ahead: readonly Held[]): readonly Held[] {
    const { turns } = this.#options
    const wanted = ahead.filter(({ entry }) => call.free.includes(entry.deployment))
    const worth = ({ entry }: Held) =>
      (call.warm.includes(entry.deployment) ? 2 : 0) + (turns.isWarm(entry.deployment) ? 0 : 1)
    const count = Math.ceil(wanted.length / 2)
    const chosen = new Set(wanted.toSorted((one, other) => worth(other) - worth(one)).slice(0, count))
    return ahead.filter((held) => chosen.has(held))
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
