import { z } from 'zod'
import { BrokerError } from '../core/errors.ts'
import type { TimeRange } from '../core/record-archive.ts'

const dayPattern = /^\d{4}-\d{2}-\d{2}$/
const dayMs = 24 * 60 * 60 * 1000

const moment = z
  .string()
  .refine((text) => (dayPattern.test(text) || /^\d{4}-\d{2}-\d{2}T/.test(text)) && !Number.isNaN(Date.parse(text)), {
    error: 'expected a day (2026-11-21, UTC) or a time (2026-11-21T08:00:00Z)',
  })
  .describe('A day in UTC, or a time as in RFC 3339.')

export const rangeQuery = {
  from: moment.optional().describe('A day in UTC, or a time as in RFC 3339.'),
  to: moment.optional().describe('The same; a day is included, a time is not. Now, if unset.'),
}

/** What `from` and `to` mean; without `from` the last `defaultMs`. @throws BrokerError `invalid_request` */
export function parseRange(
  query: { from?: string | undefined; to?: string | undefined },
  defaultMs: number,
): TimeRange {
  const { from, to } = query
  const toMs = to === undefined ? Date.now() + 1 : Date.parse(to) + (dayPattern.test(to) ? dayMs : 0)
  const fromMs = from === undefined ? toMs - defaultMs : Date.parse(from)
  if (fromMs >= toMs) {
    throw new BrokerError('invalid_request', 'Invalid query parameter from: it is not before to.', { param: 'from' })
  }
  return { fromMs, toMs }
}
