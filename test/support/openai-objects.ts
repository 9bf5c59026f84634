import { z } from 'zod'

/**
 * What OpenAI says its lists, files, batches and errors look like: the OpenAPI description of openai/openai-openapi,
 * version 2.3.0, commit f85dbe2 of 2026-08-21 (`Model`, `OpenAIFile`, `Batch`, `ErrorResponse`, …). Objects are closed, so
 * that a field of our own shows. Fields are null where the description's own examples have them so. Lines of batch files
 * have no schema there; theirs is that of the description's examples.
 *
 * What answers have beyond it, and why:
 * - `retry_of` and `sluice` of a batch: whose failed lines it runs again, and how far it is (docs/api.md)
 * - the ids of an empty page are null: there is no first and no last
 */
const count = z.int().min(0)
const time = z.int().positive()

/** `Model`. */
export const modelObject = z.strictObject({
  id: z.string().min(1),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  shutdown_date: z.string().nullish(),
})

/** `ListModelsResponse`. */
export const modelList = z.strictObject({ object: z.literal('list'), data: z.array(modelObject) })

/** `ErrorResponse`. */
export const errorResponse = z.strictObject({
  error: z.strictObject({
    code: z.string().nullable(),
    message: z.string().min(1),
    param: z.string().nullable(),
    type: z.string().min(1),
  }),
})

/** What the description shows for a response that was deleted. */
export const deletedResponse = z.strictObject({
  id: z.string().regex(/^resp_/),
  object: z.literal('response'),
  deleted: z.literal(true),
})

/** `OpenAIFile`. */
export const fileObject = z.strictObject({
  id: z.string().regex(/^file-/),
  object: z.literal('file'),
  bytes: count,
  created_at: time,
  expires_at: time.optional(),
  filename: z.string().min(1),
  purpose: z.enum([
    ...(['assistants', 'assistants_output', 'batch', 'batch_output'] as const),
    ...(['fine-tune', 'fine-tune-results', 'vision', 'user_data'] as const),
  ]),
  status: z.enum(['uploaded', 'processed', 'error']),
  status_details: z.string().optional(),
})

function pageOf<Item extends z.ZodType<{ id: string }>>(item: Item) {
  return z
    .strictObject({
      object: z.literal('list'),
      data: z.array(item),
      first_id: z.string().nullable(),
      last_id: z.string().nullable(),
      has_more: z.boolean(),
    })
    .refine(
      ({ data, first_id, last_id }) => first_id === (data[0]?.id ?? null) && last_id === (data.at(-1)?.id ?? null),
    )
}

/** `ListFilesResponse`. */
export const fileList = pageOf(fileObject)

/** `DeleteFileResponse`. */
export const deletedFile = z.strictObject({
  id: z.string().regex(/^file-/),
  object: z.literal('file'),
  deleted: z.literal(true),
})

const batchUsage = z.strictObject({
  input_tokens: count,
  input_tokens_details: z.strictObject({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.strictObject({ reasoning_tokens: count }),
  total_tokens: count,
})

/** `Batch`. */
export const batchObject = z.strictObject({
  id: z.string().regex(/^batch_/),
  object: z.literal('batch'),
  endpoint: z.enum(['/v1/responses', '/v1/chat/completions', '/v1/embeddings']),
  model: z.string().nullish(),
  errors: z
    .strictObject({
      object: z.literal('list'),
      data: z.array(
        z.strictObject({
          code: z.string(),
          message: z.string(),
          param: z.string().nullable(),
          line: z.int().min(1).nullable(),
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
  created_at: time,
  in_progress_at: time.nullable(),
  expires_at: time.nullable(),
  finalizing_at: time.nullable(),
  completed_at: time.nullable(),
  failed_at: time.nullable(),
  expired_at: time.nullable(),
  cancelling_at: time.nullable(),
  cancelled_at: time.nullable(),
  request_counts: z.strictObject({ total: count, completed: count, failed: count }),
  usage: batchUsage.optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
  retry_of: z.string().nullable(),
  sluice: z
    .strictObject({
      running: count.nullable(),
      waiting: count.nullable(),
      position: z.int().min(1).nullable(),
      eta_seconds: count.nullable(),
    })
    .nullable(),
})

/** `ListBatchesResponse`. */
export const batchList = pageOf(batchObject)

/** A line of an output or error file; `body` is the endpoint's own answer, or its error where the status is not 200. */
export function batchOutcomeLine<Body extends z.ZodType>(body: Body) {
  const named = { id: z.string().regex(/^batch_req_/), custom_id: z.string().min(1) }
  const response = { request_id: z.string(), status_code: z.literal(200), body }
  return z.union([
    z.strictObject({ ...named, response: z.strictObject(response), error: z.null() }),
    z.strictObject({
      ...named,
      response: z.strictObject({ ...response, status_code: z.int().min(400).max(599), body: errorResponse }),
      error: z.null(),
    }),
    z.strictObject({
      ...named,
      response: z.null(),
      error: z.strictObject({ code: z.enum(['batch_expired', 'batch_cancelled']), message: z.string().min(1) }),
    }),
  ])
}
