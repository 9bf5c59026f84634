import type { Budget, BudgetPeriod } from './budget.ts'

/**
 * When a budget counts. All of it is UTC, so no day has 23 or 25 hours, and all of it is arithmetic on Unix time.
 *
 * A rolling window is a row of buckets: the one of now and `count` before it. Money leaves with its whole bucket, so it
 * counts for the length of the window and up to one bucket longer, never shorter.
 */
export interface Buckets {
  readonly bucketMs: number
  readonly count: number
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const rolling: Readonly<Record<BudgetPeriod, Buckets | null>> = {
  hour: { bucketMs: minuteMs, count: 60 },
  day: { bucketMs: hourMs / 2, count: 48 },
  month: { bucketMs: 12 * hourMs, count: 60 },
  total: null,
}

/** Null for what is not rolling; a total has no window that could roll. */
export function bucketsOf({ per, window }: Pick<Budget, 'per' | 'window'>): Buckets | null {
  return window === 'rolling' ? rolling[per] : null
}

export function bucketAt({ bucketMs }: Buckets, nowMs: number): number {
  return Math.floor(nowMs / bucketMs)
}

/** The oldest bucket that still counts. */
export function oldestBucketAt(buckets: Buckets, nowMs: number): number {
  return bucketAt(buckets, nowMs) - buckets.count
}

/** When what is in a bucket no longer counts. */
export function bucketLeavesAtMs({ bucketMs, count }: Buckets, bucket: number): number {
  return (bucket + count + 1) * bucketMs
}

export interface Window {
  /** Part of the key of its counter, so that nothing has to reset one. */
  readonly id: string
  /** Null for a total. */
  readonly startsAtMs: number | null
  readonly endsAtMs: number | null
}

/** The window of a budget at a moment. A rolling one has a single counter, and ends when what is spent now leaves it. */
export function windowOf(budget: Pick<Budget, 'per' | 'window'>, nowMs: number): Window {
  const buckets = bucketsOf(budget)
  if (buckets) {
    return {
      id: 'rolling',
      startsAtMs: oldestBucketAt(buckets, nowMs) * buckets.bucketMs,
      endsAtMs: bucketLeavesAtMs(buckets, bucketAt(buckets, nowMs)),
    }
  }
  const at = new Date(nowMs)
  const [year, month, day, hour] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours()]
  const text = at.toISOString()
  switch (budget.per) {
    case 'hour':
      return window(text.slice(0, 13), Date.UTC(year, month, day, hour), Date.UTC(year, month, day, hour + 1))
    case 'day':
      return window(text.slice(0, 10), Date.UTC(year, month, day), Date.UTC(year, month, day + 1))
    case 'month':
      return window(text.slice(0, 7), Date.UTC(year, month), Date.UTC(year, month + 1))
    case 'total':
      return { id: 'total', startsAtMs: null, endsAtMs: null }
  }
}

function window(id: string, startsAtMs: number, endsAtMs: number): Window {
  return { id, startsAtMs, endsAtMs }
}
