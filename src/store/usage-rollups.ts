import type { Redis } from 'ioredis'
import { noUsage, type UsageCell, type UsageMetric, type UsageReader, usageMetrics } from '../core/usage.ts'
import { keys } from './keys.ts'

/**
 * Roll-ups are one hash per day. A field is `<metric> ["tenant","model","deployment","key","tag"]`, its value a whole
 * number: Redis adds to it exactly, up to 9·10¹⁸.
 */
const dayMs = 24 * 60 * 60 * 1000
const keptDays = 400
const fieldsPerScan = 1_000

export interface DayIncrements {
  readonly day: string
  readonly expiresAtMs: number
  readonly amounts: ReadonlyMap<string, number>
}

/** What cells add to which fields, by day, each field once. */
export function toIncrements(cells: readonly UsageCell[]): DayIncrements[] {
  const days = new Map<string, Map<string, number>>()
  for (const cell of cells) {
    let amounts = days.get(cell.day)
    if (!amounts) {
      amounts = new Map()
      days.set(cell.day, amounts)
    }
    const place = JSON.stringify([cell.tenant, cell.model, cell.deployment, cell.key, cell.tag])
    for (const metric of usageMetrics) {
      if (cell[metric] === 0) continue
      const field = `${metric} ${place}`
      amounts.set(field, (amounts.get(field) ?? 0) + cell[metric])
    }
  }
  return [...days].map(([day, amounts]) => ({ day, amounts, expiresAtMs: Date.parse(day) + (keptDays + 1) * dayMs }))
}

/** Reads roll-ups a few fields at a time: a busy day must not hold up Redis. */
export class RedisUsageReader implements UsageReader {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async *read(fromDay: string, toDay: string): AsyncGenerator<UsageCell> {
    for (let atMs = Date.parse(fromDay); atMs <= Date.parse(toDay); atMs += dayMs) {
      yield* await this.#readDay(new Date(atMs).toISOString().slice(0, 10))
    }
  }

  async #readDay(day: string): Promise<UsageCell[]> {
    const cells = new Map<string, Record<UsageMetric, number>>()
    let cursor = '0'
    do {
      const [next, found] = await this.#redis.hscan(keys.usage(day), cursor, 'COUNT', fieldsPerScan)
      cursor = next
      for (let index = 0; index < found.length; index += 2) {
        const [field = '', amount = '0'] = found.slice(index, index + 2)
        const blank = field.indexOf(' ')
        const place = field.slice(blank + 1)
        const counts = cells.get(place) ?? { ...noUsage }
        // A scan may name a field twice; it is its value that counts, not how often it came.
        counts[field.slice(0, blank) as UsageMetric] = Number(amount)
        cells.set(place, counts)
      }
    } while (cursor !== '0')
    return [...cells].map(([place, counts]) => {
      const [tenant, model, deployment, key, tag] = JSON.parse(place)
      return { day, tenant, model, deployment, key, tag, ...counts }
    })
  }
}
