import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerError } from '../core/errors.ts'

/** How often a reader that waits looks whether Redis is back, in milliseconds. */
const askAgainMs = 250

/**
 * Asks again while Redis is away and there is somebody to ask for: a stream that has begun waits for it, as its events do.
 * Rejects with any other failure at once.
 */
export async function whenRedisIsBack<Value>(ask: () => Promise<Value>, isWanted: () => boolean): Promise<Value> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!isWanted() || !(error instanceof BrokerError) || error.code !== 'redis_unavailable') throw error
    }
    await sleep(askAgainMs)
  }
}
