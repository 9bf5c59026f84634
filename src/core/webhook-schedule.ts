import type { DeliveryEnd } from './webhook.ts'

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

/** A receiver may ask for this much patience; more is taken for a mistake. */
const longestPauseMs = hour

/** What follows an attempt: done, another one, or none. Pure: the caller passes time and randomness in. */
export function decideAfterAttempt(input: {
  /** The receiver's answer, null where none came. */
  status: number | null
  isDelivered: boolean
  /** How long the receiver asks to be left alone, in milliseconds. */
  retryAfterMs: number | null
  /** Failed attempts before this one. */
  failures: number
  nowMs: number
  random: number
}): Pick<DeliveryEnd, 'next' | 'pauseUntilMs' | 'isGone'> {
  const { status, isDelivered, failures, nowMs, random } = input
  if (isDelivered) return { next: { action: 'done' }, pauseUntilMs: null, isGone: false }
  // The specification's word for "do not send here again".
  if (status === 410) return { next: { action: 'give-up' }, pauseUntilMs: null, isGone: true }
  const asksForPause = (status === 429 || status === 503) && input.retryAfterMs !== null
  const pauseUntilMs = asksForPause ? nowMs + Math.min(input.retryAfterMs ?? 0, longestPauseMs) : null
  const delayMs = nextDeliveryDelayMs(failures + 1, random)
  if (delayMs === null) return { next: { action: 'give-up' }, pauseUntilMs, isGone: false }
  const atMs = Math.max(nowMs + delayMs, pauseUntilMs ?? 0)
  return { next: { action: 'retry', atMs }, pauseUntilMs, isGone: false }
}

/** From the first attempt to the last, at the most, in milliseconds; longer only where receivers ask for pauses. */
export const longestScheduleMs = delaysMs.reduce<number>((total, delayMs) => total + delayMs, 0) * (1 + jitter)
