import { describe, expect, it } from 'vitest'
import { leaseDuration, longDuration, parseDurationMs, timerDuration } from '../../src/config/duration.ts'

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['0s', 0],
    ['30s', 30_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['999999999d', 999_999_999 * 86_400_000],
  ])('%s is %d milliseconds', (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs)
  })

  it.each(['', '30', 's', '30 s', ' 30s', '30s\n', '1.5h', '-1s', '1h30m', '30S', '1e3s', '1w', '1000000000ms'])(
    '%j is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined()
      expect(longDuration.safeParse(text).success).toBe(false)
    },
  )

  it('without a unit is refused with words that show units', () => {
    expect(timerDuration.safeParse(30).error?.issues[0]?.message).toContain('with a unit: "250ms", "30s"')
  })

  it('for a timer is shorter than what timers can wait for', () => {
    expect(timerDuration.parse('24d')).toBeLessThan(2 ** 31)
    expect(timerDuration.safeParse('25d').success).toBe(false)
    expect(timerDuration.safeParse('0s').success).toBe(false)
  })

  it('for a lease leaves room for heartbeats', () => {
    expect(leaseDuration.safeParse('999ms').success).toBe(false)
    expect(leaseDuration.parse('1s')).toBe(1_000)
  })
})
