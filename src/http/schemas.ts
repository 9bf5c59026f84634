import { z } from 'zod'
import { endpoints, priorities, sensitivities } from '../core/vocabulary.ts'

/**
 * What crosses the API's boundary. These schemas validate requests and are what `/openapi.json` is generated from.
 * Bodies for an upstream are open: a field that Sluice does not know is passed on untouched, so only the fields that
 * OpenAI's specification fixes are checked.
 */
const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const

const contentPart = z.looseObject({ type: z.string() })

const shortText = (max: number) => z.string().max(max)
export const metadata = z.record(shortText(64), shortText(512)).refine((value) => Object.keys(value).length <= 16, {
  error: 'at most 16 entries',
})

const content = z.union([z.string(), z.array(contentPart), z.null()], {
  error: 'expected a string, a list of content parts, or null',
})
const message = z.looseObject({ role: z.enum(roles), content: content.optional() })

export const chatCompletionRequest = z
  .looseObject({
    model: z.string().min(1).max(200).describe('A model of GET /v1/models.'),
    messages: z.array(message).min(1).describe('The conversation so far.'),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    n: z.int().min(1).max(128).nullish(),
    max_tokens: z.int().min(1).nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    stop: z
      .union([z.string(), z.array(z.string()).max(4)], { error: 'expected a string, or at most 4 of them' })
      .nullish(),
    seed: z.number().refine(Number.isInteger, { error: 'expected a whole number' }).nullish(),
    logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    tools: z.array(z.looseObject({ type: z.string() })).optional(),
    tool_choice: z
      .union([z.string(), z.looseObject({ type: z.string() })], {
        error: 'expected a string, or an object with a type',
      })
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    response_format: z.looseObject({ type: z.string() }).nullish(),
    reasoning_effort: z.string().max(64).nullish(),
    verbosity: z.string().max(64).nullish(),
    modalities: z.array(z.string()).nullish(),
    audio: z.looseObject({}).nullish(),
    prediction: z.looseObject({ type: z.string() }).nullish(),
    web_search_options: z.looseObject({}).nullish(),
    store: z.boolean().nullish().describe('Goes on although its reader hangs up.'),
    metadata: metadata.nullish().describe('The job’s; goes to the model too.'),
    service_tier: z.string().max(64).nullish().describe('`priority`, `flex`: who goes first.'),
    safety_identifier: z.string().max(64).nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: z.string().nullish(),
    user: z.string().optional(),
  })
  .meta({ id: 'ChatCompletionRequest' })

const inputRule = 'expected a text, a list of up to 2,048 texts, or tokens as numbers'
const text = z.string().min(1)
const tokenNumbers = z.array(z.int().min(0)).min(1)

export const embeddingsRequest = z
  .looseObject({
    model: z.string().min(1).max(200).describe('A model of GET /v1/models.'),
    input: z.union([text, z.array(text).min(1).max(2_048), tokenNumbers, z.array(tokenNumbers).min(1).max(2_048)], {
      error: inputRule,
    }),
    encoding_format: z.enum(['float', 'base64']).nullish(),
    dimensions: z.int().min(1).nullish(),
    user: z.string().optional(),
  })
  .meta({ id: 'EmbeddingsRequest' })

/** The furthest deadline, in seconds. */
export const maxDeadlineSeconds = 30 * 24 * 3600
const deadlineRule = 'expected seconds from now, more than 0 and at most 30 days, or an RFC 3339 time'

/** Seconds from now, or a point in time. */
export const deadlineField = z.union(
  [
    z.number().positive({ error: deadlineRule }).max(maxDeadlineSeconds, { error: deadlineRule }),
    z.iso.datetime({ offset: true, error: deadlineRule }),
  ],
  { error: deadlineRule },
)

/** An object whose keys are all known; a key that is not is answered with those that are. */
export function closedObject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys' ? `unknown; known are ${Object.keys(shape).join(', ')}` : undefined,
  })
}

export const jobRequest = closedObject({
  model: z.string().min(1).max(200),
  input: closedObject({
    endpoint: z.enum(endpoints),
    body: z.looseObject({}).describe('The endpoint’s own request body; `model` may be left out.'),
  }),
  priority: z.enum(priorities).optional(),
  sensitivity: z.enum(sensitivities).optional(),
  webhook: closedObject({
    url: z.url().max(2_000),
    events: z
      .array(z.enum(['job.completed', 'job.failed', 'job.cancelled', 'job.expired', 'job.rejected']))
      .min(1)
      .optional(),
  }).optional(),
  deadline: deadlineField.optional(),
  metadata: metadata.optional(),
  tags: metadata.optional(),
}).meta({ id: 'JobRequest' })

const statuses = ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired', 'rejected'] as const

export const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      code: z.string().nullable(),
      param: z.string().nullable(),
    }),
  })
  .meta({ id: 'Error' })

export const jobObject = z
  .object({
    id: z.string(),
    object: z.literal('job'),
    status: z.enum(statuses),
    stage: z.string(),
    model: z.string(),
    endpoint: z.string(),
    priority: z.enum(priorities),
    sensitivity: z.enum(sensitivities),
    sensitivity_reason: z.string().nullable(),
    masked: z.record(z.string(), z.number()).describe('Counts per entity type of what a cloud pool saw masked.'),
    created_at: z.number().describe('Unix seconds.'),
    started_at: z.number().nullable(),
    finished_at: z.number().nullable(),
    deadline: z.number(),
    deployment: z.string().nullable(),
    attempts: z.array(
      z.object({ deployment: z.string(), outcome: z.string(), status: z.number().nullable(), ms: z.number() }),
    ),
    cache: z.enum(['hit', 'shared']).nullable().describe('Set where the answer was made for another job.'),
    usage: z.looseObject({}).nullable(),
    cost_usd: z.number().nullable(),
    metadata: z.record(z.string(), z.string()),
    tags: z.record(z.string(), z.string()),
    result: z.looseObject({}).nullable().describe('The endpoint’s own body, when completed.'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    replay_of: z
      .object({ id: z.string(), first: z.string(), run: z.number() })
      .nullable()
      .describe('The dead letter that this job runs again, the first of the chain, and which run of it this is.'),
    replayed_by: z.string().nullable().describe('The job that runs this dead letter again.'),
    queue: z
      .object({ position: z.number(), eta_seconds: z.number().nullable() })
      .nullable()
      .describe(
        'Where it stands while it waits, 1 is next, and when it will begin by what its lane got through lately.',
      ),
    urls: z.object({ self: z.string(), events: z.string(), cancel: z.string() }),
  })
  .meta({ id: 'Job' })

export const acceptedJob = jobObject
  .pick({ id: true, object: true, status: true, model: true, priority: true, sensitivity: true, created_at: true })
  .extend({ urls: jobObject.shape.urls })
  .meta({ id: 'AcceptedJob' })

export const jobList = z
  .object({
    object: z.literal('list'),
    data: z.array(jobObject),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'JobList' })

export const jobListQuery = closedObject({
  status: z.enum(statuses).optional(),
  model: z.string().optional(),
  after: z.string().optional().describe('The last id of the page before.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

/** Seconds to wait for the end, 60 at most. */
export const waitQuery = closedObject({ wait: z.coerce.number().min(0).max(60).default(0) })

export const eventsQuery = closedObject({
  after: z.coerce.number().int().min(0).optional().describe('Resume after this sequence number.'),
})

export const modelObject = z
  .object({ id: z.string(), object: z.literal('model'), created: z.number(), owned_by: z.string() })
  .meta({ id: 'Model' })

export const modelList = z.object({ object: z.literal('list'), data: z.array(modelObject) }).meta({ id: 'ModelList' })
