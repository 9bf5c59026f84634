/** What `POST /v1/jobs` takes, once or by the line. */
import type { z } from 'zod'
import { BrokerError } from '../core/errors.ts'
import { statusOf } from '../core/job-state.ts'
import { priorityFor, tierServed } from '../core/service-tier.ts'
import type { Tenant } from '../core/tenant.ts'
import type { Endpoint } from '../core/vocabulary.ts'
import { acceptJob } from '../pipeline/accept-job.ts'
import type { HttpDeps } from './deps.ts'
import { requireJob } from './job-reading.ts'
import { orderView } from './job-view.ts'
import { sliceField } from './json-field.ts'
import { deadlineToMs, type JobHeaders } from './request-headers.ts'
import { chatCompletionRequest, embeddingsRequest, type jobRequest } from './schemas.ts'
import { invalidInput } from './validation.ts'

export interface JobOrder {
  readonly tenant: Tenant
  readonly body: z.infer<typeof jobRequest>
  /** The same body as it was written. */
  readonly text: string
  readonly headers: JobHeaders
  readonly idempotencyKey?: string | undefined
  readonly traceparent?: string | undefined
}

/** Nobody waits for a job, and it is not put off either. */
const usualPriority = 'standard'

/** Takes a job in, and returns what its maker is told. @throws BrokerError */
export async function makeJob(order: JobOrder, deps: HttpDeps): Promise<ReturnType<typeof orderView>> {
  const accepted = await acceptJob(describe(order, deps), deps.accept)
  const stage = accepted.created ? 'intake' : (await requireJob(accepted.id, order.tenant, deps)).stage
  return orderView(accepted, statusOf(stage))
}

function describe(order: JobOrder, deps: HttpDeps): Parameters<typeof acceptJob>[0] {
  const { tenant, body, text, headers, idempotencyKey, traceparent } = order
  const { stream, includeUsage, tier } = readInput(body.input.endpoint, { ...body.input.body, model: body.model })
  const refuse = (rule: string) =>
    new BrokerError('invalid_request', `Invalid field deadline: ${rule}.`, { param: 'deadline' })
  const { deadline } = body
  const priority = body.priority ?? headers['x-sluice-priority'] ?? priorityFor(tier, usualPriority)
  return {
    tenant,
    surface: 'jobs',
    endpoint: body.input.endpoint,
    model: body.model,
    // As it was written: numbers that JavaScript cannot hold would lose digits.
    bodyJson: sliceField(sliceField(text, 'input'), 'body'),
    stream,
    includeUsage,
    priority,
    serviceTier: tierServed(tier, { priority, usual: usualPriority }),
    sensitivity: body.sensitivity ?? headers['x-sluice-sensitivity'],
    deadlineMs: deadline === undefined ? headers.deadlineMs : deadlineToMs(deadline, deps.accept.now(), refuse),
    metadata: body.metadata,
    tags: body.tags ?? headers.tags,
    webhook: body.webhook,
    idempotencyKey,
    cache: headers.cache,
    traceparent,
  }
}

/** What the body of the endpoint says about the kind of answer. @throws BrokerError `invalid_request` */
function readInput(endpoint: Endpoint, body: unknown) {
  if (endpoint === '/v1/embeddings') {
    readBody(embeddingsRequest, body)
    return { stream: false, includeUsage: false, tier: null }
  }
  const { stream, stream_options, service_tier } = readBody(chatCompletionRequest, body)
  return { stream: stream === true, includeUsage: stream_options?.include_usage === true, tier: service_tier }
}

function readBody<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw invalidInput(parsed.error, { noun: 'field', parent: ['input', 'body'] })
}
