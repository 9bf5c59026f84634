import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../src/core/errors.ts'
import { whenRedisIsBack } from '../../src/http/when-redis-is-back.ts'

/** Fails with these errors, one after the other, then answers. */
function failing(...errors: Error[]): { ask: () => Promise<string>; asked: () => number } {
  let asked = 0
  const ask = async () => {
    asked += 1
    const error = errors[asked - 1]
    if (error) throw error
    return 'answer'
  }
  return { ask, asked: () => asked }
}

const away = new BrokerError('redis_unavailable')

describe('a question to Redis', () => {
  it('is asked again until Redis is back', async () => {
    const { ask, asked } = failing(away, away)
    expect(await whenRedisIsBack(ask, () => true)).toBe('answer')
    expect(asked()).toBe(3)
  })

  it('is not asked again when nobody waits for the answer', async () => {
    const { ask, asked } = failing(away)
    await expect(whenRedisIsBack(ask, () => false)).rejects.toBe(away)
    expect(asked()).toBe(1)
  })

  it.each([new BrokerError('answer_blocked'), new Error('a bug')])('is not asked again after %s', async (error) => {
    const { ask, asked } = failing(error)
    await expect(whenRedisIsBack(ask, () => true)).rejects.toBe(error)
    expect(asked()).toBe(1)
  })
})
