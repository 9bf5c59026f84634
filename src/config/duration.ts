import { z } from 'zod'

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const pattern = /^([0-9]{1,9})(ms|s|m|h|d)$/
const hint = 'must be a duration with a unit: "250ms", "30s", "10m", "24h" or "7d"'

/** Milliseconds of a duration such as `250ms`, `30s`, `10m`, `24h` or `7d`; undefined for any other text. */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit] = pattern.exec(text) ?? []
  const unitMs = unit === undefined ? undefined : unitsMs[unit]
  return unitMs === undefined ? undefined : Number(count) * unitMs
}

/** A duration as text in, milliseconds out. The limits are durations themselves and belong to the range. */
function durationBetween(minimum: string, maximum: string) {
  const minimumMs = parseDurationMs(minimum) ?? 0
  const maximumMs = parseDurationMs(maximum) ?? 0
  return z
    .string({ error: hint })
    .regex(pattern, { error: hint })
    .transform((text) => parseDurationMs(text) ?? Number.NaN)
    .refine((durationMs) => durationMs >= minimumMs && durationMs <= maximumMs, {
      error: `must be from ${minimum} to ${maximum}`,
    })
}

/** How long something is kept or may take as a whole. */
export const longDuration = durationBetween('1s', '365d')

/** Something a timer waits for. Node fires timers beyond 2^31-1 ms (24.8 days) at once, so they end before. */
export const timerDuration = durationBetween('1ms', '24d')

/** A worker's silence is noticed by heartbeats, which need room for several within it. */
export const leaseDuration = durationBetween('1s', '1h')

/** How long a request is held: proxies in front cut quiet ones after 60 s. */
export const waitDuration = durationBetween('100ms', '60s')
