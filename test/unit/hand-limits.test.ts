import { describe, expect, it } from 'vitest'
import { priorities } from '../../src/core/vocabulary.ts'
import { handLimit, slotLimit } from '../../src/queue/hand-limits.ts'

const limitsOf = (limit: typeof slotLimit, size: Parameters<typeof slotLimit>[0]) =>
  Object.fromEntries(priorities.map((priority) => [priority, limit(size, priority)]))

describe('a worker', () => {
  it('keeps the last slot of several from batch entries', () => {
    expect(limitsOf(slotLimit, { concurrency: 4, lookAhead: 0 })).toEqual({ interactive: 4, standard: 4, batch: 3 })
    expect(limitsOf(slotLimit, { concurrency: 1, lookAhead: 0 })).toEqual({ interactive: 1, standard: 1, batch: 1 })
  })

  it('begins no more batch entries than it was told', () => {
    const size = { concurrency: 64, batchConcurrency: 8, lookAhead: 0 }
    expect(limitsOf(slotLimit, size)).toEqual({ interactive: 64, standard: 64, batch: 8 })
    expect(limitsOf(handLimit, size)).toEqual({ interactive: 64, standard: 64, batch: 8 })
    expect(slotLimit({ concurrency: 4, batchConcurrency: 8, lookAhead: 0 }, 'batch')).toBe(3)
  })

  it('takes ahead more of those that go first', () => {
    const limits = limitsOf(handLimit, { concurrency: 4, lookAhead: 8 })
    expect(limits).toEqual({ interactive: 12, standard: 10, batch: 8 })
  })
})
