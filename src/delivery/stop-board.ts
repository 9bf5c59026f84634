import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { channels } from '../store/keys.ts'

type Listener = (id: JobId) => void

/** Hears, on behalf of nodes that have no Redis, which jobs they must stop working on. */
export class StopBoard {
  readonly #subscriber: Redis
  readonly #listeners = new Map<string, Set<Listener>>()

  /** The connection is shared: only channels of nodes are subscribed to, and given up again. */
  constructor(subscriber: Redis) {
    this.#subscriber = subscriber
    subscriber.on('message', (channel: string, id: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(id as JobId)
    })
  }

  /** Resolves once nothing more is missed, with what ends it. */
  async listen(node: string, listener: Listener): Promise<() => void> {
    const channel = channels.node(node)
    const listeners = this.#listeners.get(channel) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(channel, listeners)
    const leave = () => {
      listeners.delete(listener)
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return
      this.#listeners.delete(channel)
      // While Redis is away there is nothing to give up: the connection forgets it by itself.
      this.#subscriber.unsubscribe(channel).catch(() => undefined)
    }
    try {
      // Again for each listener: Redis answers in order, and the one before may not have been answered yet.
      await this.#subscriber.subscribe(channel)
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }
}
