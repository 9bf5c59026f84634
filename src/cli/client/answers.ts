/** What the CLI reads of the API's answers. Open: a newer server may say more than this CLI knows. */
import { z } from 'zod'

export const usageAnswer = z.looseObject({
  prompt_tokens: z.number().default(0),
  completion_tokens: z.number().default(0),
  total_tokens: z.number().default(0),
})

const jobFailure = z.looseObject({ code: z.string(), message: z.string() })

export const acceptedJobAnswer = z.looseObject({ id: z.string(), status: z.string() })

const chatResult = z.looseObject({
  choices: z.array(
    z.looseObject({
      message: z.looseObject({ content: z.string().nullish() }),
      finish_reason: z.string().nullish(),
    }),
  ),
})

export const jobAnswer = z.looseObject({
  id: z.string(),
  status: z.string(),
  stage: z.string().optional(),
  model: z.string(),
  priority: z.string().optional(),
  sensitivity: z.string().optional(),
  sensitivity_reason: z.string().nullish(),
  masked: z.record(z.string(), z.number()).optional(),
  created_at: z.number(),
  started_at: z.number().nullish(),
  finished_at: z.number().nullish(),
  deployment: z.string().nullish(),
  attempts: z
    .array(
      z.looseObject({
        deployment: z.string(),
        outcome: z.string(),
        status: z.number().nullish(),
        ms: z.number().nullish(),
      }),
    )
    .default([]),
  usage: usageAnswer.nullish(),
  cache: z.string().nullish(),
  cost_usd: z.number().nullish(),
  metadata: z.record(z.string(), z.string()).optional(),
  tags: z.record(z.string(), z.string()).optional(),
  queue: z.looseObject({ position: z.number().nullish(), eta_seconds: z.number().nullish() }).nullish(),
  error: jobFailure.nullish(),
  result: z.looseObject({}).nullish(),
})

export const jobListAnswer = z.looseObject({
  data: z.array(jobAnswer),
  has_more: z.boolean(),
  last_id: z.string().nullish(),
})

export const deletedAnswer = z.looseObject({ id: z.string(), deleted: z.boolean() })

const counts = z.looseObject({
  total: z.number().default(0),
  completed: z.number().default(0),
  failed: z.number().default(0),
})

export const batchAnswer = z.looseObject({
  id: z.string(),
  status: z.string(),
  endpoint: z.string().optional(),
  model: z.string().nullish(),
  created_at: z.number(),
  expires_at: z.number(),
  completed_at: z.number().nullish(),
  failed_at: z.number().nullish(),
  expired_at: z.number().nullish(),
  cancelled_at: z.number().nullish(),
  request_counts: counts,
  usage: z.looseObject({ input_tokens: z.number().default(0), output_tokens: z.number().default(0) }),
  input_file_id: z.string().optional(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
  retry_of: z.string().nullish(),
  sluice: z
    .looseObject({
      running: z.number().nullish(),
      waiting: z.number().nullish(),
      position: z.number().nullish(),
      eta_seconds: z.number().nullish(),
    })
    .nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  errors: z
    .looseObject({
      data: z.array(
        z.looseObject({
          code: z.string(),
          message: z.string(),
          param: z.string().nullish(),
          line: z.number().nullish(),
        }),
      ),
    })
    .nullish(),
})

export const batchListAnswer = z.looseObject({ data: z.array(batchAnswer), has_more: z.boolean() })

export const modelListAnswer = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) })

export const errorAnswer = z.looseObject({
  error: z.looseObject({ message: z.string(), code: z.string().nullish(), param: z.string().nullish() }),
})

export type AcceptedJobAnswer = z.infer<typeof acceptedJobAnswer>
export type BatchAnswer = z.infer<typeof batchAnswer>
export type BatchListAnswer = z.infer<typeof batchListAnswer>
export type JobAnswer = z.infer<typeof jobAnswer>
export type JobListAnswer = z.infer<typeof jobListAnswer>
export type Usage = z.infer<typeof usageAnswer>

/** Whether a job with this status goes on changing. A status that this CLI doesn't know counts as an end. */
export function isOpen(status: string): boolean {
  return status === 'queued' || status === 'in_progress'
}

/** The text of a chat completion's first choice and why it ended; null where the body is no chat completion. */
export function readChatResult(result: unknown): { text: string; finishReason: string | null } | null {
  const parsed = chatResult.safeParse(result)
  const choice = parsed.success ? parsed.data.choices[0] : undefined
  if (choice === undefined) return null
  return { text: choice.message.content ?? '', finishReason: choice.finish_reason ?? null }
}
