import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'

export interface Watched {
  readonly samples: number
  /** The most that any of the counters had spent and held together, in micro-dollars. */
  readonly highest: number
}

/** Looks at the counters of budgets all the time, each time at one moment of each. */
export function watchBudgets(redis: Redis, counters: readonly string[]): { stop(): Promise<Watched> } {
  let isOver = false
  let samples = 0
  let highest = 0
  const look = async () => {
    const standings = await Promise.all(counters.map((counter) => redis.hmget(counter, 'spent', 'reserved')))
    samples += 1
    for (const [spent, reserved] of standings) highest = Math.max(highest, Number(spent) + Number(reserved))
  }
  const watching = (async () => {
    while (!isOver) {
      await look()
      await sleep(1)
    }
  })()
  return {
    async stop() {
      isOver = true
      await watching
      await look()
      return { samples, highest }
    },
  }
}
