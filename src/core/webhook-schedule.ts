const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** The example schedule of the Standard Webhooks specification: ten attempts over about 75 hours. */
const delaysMs = [
  0,
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
] as const

/** A receiver that comes back must not meet every delivery that it missed in the same second. */
const jitter = 0.1

/**
 * How long to wait before the next attempt to deliver a webhook, in milliseconds, or null when it is given up.
 *
 * @param attempt how many attempts were made so far: 0 before the first.
 * @param random from 0 up to 1; spreads the wait by a tenth to either side.
 */
export function nextDeliveryDelayMs(attempt: number, random: number): number | null {
  const delayMs = delaysMs[attempt]
  return delayMs === undefined ? null : Math.round(delayMs * (1 + jitter * (2 * random - 1)))
}
