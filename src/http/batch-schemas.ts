import { z } from 'zod'
import { batchEndpoints, parseCompletionWindow, windowRule } from '../core/batch.ts'
import { expirySeconds } from '../core/file.ts'
import { closedObject, metadata } from './schemas.ts'

/** Files and batches as they cross the API's boundary, in OpenAI's words. */

const secondsRule = `expected ${expirySeconds.least} to ${expirySeconds.most} seconds`

/** How long a file is kept. */
const expiresAfter = closedObject({
  anchor: z.literal('created_at'),
  seconds: z.coerce
    .number()
    .int()
    .min(expirySeconds.least, { error: secondsRule })
    .max(expirySeconds.most, { error: secondsRule }),
})

/** What comes with an upload beside the file. */
export const uploadFields = z.object({
  purpose: z.literal('batch', { error: 'expected `batch`' }),
  expires_after: expiresAfter.optional(),
})

export const fileObject = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.number(),
    created_at: z.number().describe('Unix seconds.'),
    expires_at: z.number().optional().describe('Absent while a batch writes it.'),
    filename: z.string(),
    purpose: z.enum(['batch', 'batch_output']),
    status: z.literal('processed'),
  })
  .meta({ id: 'File' })

const page = { first_id: z.string().nullable(), last_id: z.string().nullable(), has_more: z.boolean() }

export const fileList = z
  .object({ object: z.literal('list'), data: z.array(fileObject), ...page })
  .meta({ id: 'FileList' })

export const deletedFile = z
  .object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })
  .meta({ id: 'DeletedFile' })

export const fileListQuery = closedObject({
  purpose: z.enum(['batch', 'batch_output']).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional().describe('The last id of the page before.'),
})

export const batchRequest = closedObject({
  input_file_id: z.string().min(1).max(200),
  endpoint: z.enum(batchEndpoints),
  completion_window: z
    .string()
    .refine((text) => parseCompletionWindow(text) !== null, { error: windowRule })
    .describe('`1h` to `7d`.'),
  metadata: metadata.nullish(),
  output_expires_after: expiresAfter.nullish(),
}).meta({ id: 'BatchRequest' })

const time = z.number().nullable()

export const batchObject = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.enum(batchEndpoints),
    model: z.string().nullable(),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(
          z.object({
            code: z.string(),
            message: z.string(),
            param: z.string().nullable(),
            line: z.number().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum([
      ...(['validating', 'failed', 'in_progress', 'finalizing'] as const),
      ...(['completed', 'expired', 'cancelling', 'cancelled'] as const),
    ]),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.number().describe('Unix seconds.'),
    in_progress_at: time,
    expires_at: z.number(),
    finalizing_at: time,
    completed_at: time,
    failed_at: time,
    expired_at: time,
    cancelling_at: time,
    cancelled_at: time,
    request_counts: z.object({ total: z.number(), completed: z.number(), failed: z.number() }),
    usage: z.looseObject({}),
    metadata: z.record(z.string(), z.string()).nullable(),
    retry_of: z.string().nullable().describe('The batch whose failed lines this one runs again.'),
    sluice: z
      .object({
        running: z.number().nullable().describe('Lines whose call is under way; null in lists.'),
        waiting: z.number().nullable().describe('Lines that neither run nor are counted yet; null in lists.'),
        position: z
          .number()
          .nullable()
          .describe('Of its next line, among all jobs that wait for the same: 1 is next; null in lists.'),
        eta_seconds: z.number().nullable().describe('Until the last line has its outcome; null where it is not known.'),
      })
      .nullable()
      .describe('Null when it has ended.'),
  })
  .meta({ id: 'Batch' })

export const batchList = z
  .object({ object: z.literal('list'), data: z.array(batchObject), ...page })
  .meta({ id: 'BatchList' })

export const batchListQuery = closedObject({
  after: z.string().optional().describe('The last id of the page before.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
