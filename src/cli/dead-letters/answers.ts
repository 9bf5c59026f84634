/** What the CLI reads of the answers about dead letters. Open: a newer server may say more than this CLI knows. */
import { z } from 'zod'

const failure = z.looseObject({ code: z.string(), message: z.string() })

export const deadLetterAnswer = z.looseObject({
  id: z.string(),
  kind: z.string(),
  tenant: z.string(),
  key: z.string().optional(),
  model: z.string(),
  priority: z.string(),
  sensitivity: z.string(),
  tags: z.record(z.string(), z.string()).default({}),
  created_at: z.number(),
  failed_at: z.number(),
  expires_at: z.number(),
  error: failure.nullable(),
  attempts: z.array(
    z.looseObject({
      deployment: z.string(),
      outcome: z.string(),
      status: z.number().nullish(),
      ms: z.number().nullish(),
    }),
  ),
  cost_usd: z.number().nullish(),
  replay_of: z.looseObject({ id: z.string(), run: z.number() }).nullish(),
  replayed_by: z.string().nullish(),
  replayable: z.boolean().optional(),
})

export const listAnswer = z.looseObject({
  data: z.array(deadLetterAnswer),
  has_more: z.boolean(),
  next: z.string().nullish(),
})

export const replayBatchAnswer = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      job: z.string().nullish(),
      quote: z
        .looseObject({
          model: z.string(),
          deployments: z.array(z.looseObject({ deployment: z.string() })),
          cost_usd: z.number(),
          most_usd: z.number().nullish(),
        })
        .nullish(),
      error: failure.nullish(),
    }),
  ),
  cost_usd: z.number().nullish(),
  most_usd: z.number().nullish(),
  has_more: z.boolean(),
})

export const discardBatchAnswer = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), deleted: z.boolean(), error: failure.nullish() })),
  has_more: z.boolean(),
})

export type DeadLetter = z.infer<typeof deadLetterAnswer>
export type ReplayBatch = z.infer<typeof replayBatchAnswer>
