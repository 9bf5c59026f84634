import { z } from 'zod'
import { type DeadLetterFilter, deadLetterKinds } from '../core/dead-letter.ts'
import { parseRange, rangeQuery } from './time-range.ts'

/** What dead letters may be chosen by, in a query and in the filter of a batch. */
export const filterFields = {
  ...rangeQuery,
  tenant: z.string().optional(),
  model: z.string().optional(),
  kind: z.enum(deadLetterKinds).optional(),
  code: z.string().optional().describe('The code of its error.'),
  deployment: z.string().optional().describe('One of its attempts was made there.'),
}

/** @throws BrokerError `invalid_request` for a range that ends before it begins. */
export function toFilter(
  {
    from,
    to,
    ...fields
  }: Omit<DeadLetterFilter, 'fromMs' | 'toMs'> & { from?: string | undefined; to?: string | undefined },
  retentionMs: number,
): DeadLetterFilter {
  const { fromMs, toMs } = parseRange({ from, to }, retentionMs)
  // Without an end what fails meanwhile is in it, whatever the clocks of other machines say.
  return { ...fields, fromMs, ...(to !== undefined && { toMs }) }
}
