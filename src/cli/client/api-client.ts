/**
 * Sluice's own API as the CLI uses it. Every method makes one request and either resolves with a checked answer or
 * throws `ApiError` (the server said no), `ConnectionError` (it said nothing, or broke off), or the signal's reason.
 * Trying again is `Patience`'s business.
 */
import { Agent, type Dispatcher, request } from 'undici'
import type { z } from 'zod'
import {
  type AcceptedJobAnswer,
  acceptedJobAnswer,
  type BatchAnswer,
  type BatchListAnswer,
  batchAnswer,
  batchListAnswer,
  deletedAnswer,
  errorAnswer,
  type JobAnswer,
  type JobListAnswer,
  jobAnswer,
  jobListAnswer,
  modelListAnswer,
} from './answers.ts'
import type { Connection } from './connection.ts'
import { ApiError, ConnectionError } from './failures.ts'
import { readEvents, type ServerSentEvent } from './server-sent-events.ts'

/** The longest that the server holds a waiting request. */
export const maxWaitSeconds = 60

export interface ApiClient {
  readonly url: string
  submitJob(body: JobBody, idempotencyKey: string, signal?: AbortSignal): Promise<AcceptedJobAnswer>
  /** The job when it has ended, or as it is after `waitSeconds` (60 at most). */
  getJob(id: string, waitSeconds?: number, signal?: AbortSignal): Promise<JobAnswer>
  listJobs(query: { status?: string; model?: string; after?: string; limit: number }): Promise<JobListAnswer>
  cancelJob(id: string): Promise<JobAnswer>
  listModels(): Promise<string[]>
  /** Events after the one with the id `lastEventId`. Ends with the answer's body, whether or not the job has ended. */
  followJob(id: string, lastEventId: string | null, signal?: AbortSignal): AsyncGenerator<ServerSentEvent>
  streamChat(body: object, signal?: AbortSignal): AsyncGenerator<ServerSentEvent>
  close(): Promise<void>
}

export interface BatchClient {
  listBatches(query: { after?: string; limit: number }): Promise<BatchListAnswer>
  getBatch(id: string): Promise<BatchAnswer>
  cancelBatch(id: string): Promise<BatchAnswer>
}

/** The body of `POST /v1/jobs`, as far as the CLI uses it. */
export interface JobBody {
  readonly model: string
  readonly input: { readonly endpoint: '/v1/chat/completions'; readonly body: object }
  readonly priority?: string
  readonly sensitivity?: string
  readonly webhook?: { readonly url: string }
  readonly metadata?: Readonly<Record<string, string>>
}

/** Apart, because nothing else needs it. */
export interface JobDeletion {
  deleteJob(id: string): Promise<{ readonly id: string; readonly deleted: boolean }>
}

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export function createApiClient(connection: Connection): ApiClient & BatchClient & JobDeletion {
  const { url } = connection
  const agent = new Agent({
    connectTimeout: 5_000,
    // The server says nothing while it waits for a job.
    headersTimeout: (maxWaitSeconds + 15) * 1000,
    // Streams carry a comment every 12 s; silence of several times that is a dead connection.
    bodyTimeout: 45_000,
  })

  async function open(call: Call): Promise<Dispatcher.ResponseData> {
    try {
      return await request(`${url}${call.path}`, {
        dispatcher: agent,
        method: call.method,
        headers: {
          authorization: `Bearer ${connection.apiKey}`,
          ...(call.body && { 'content-type': 'application/json' }),
          ...call.headers,
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: call.signal ?? null,
      })
    } catch (error) {
      throw toConnectionError(error, url, call.signal)
    }
  }

  async function ask<Schema extends z.ZodType>(call: Call, schema: Schema): Promise<z.output<Schema>> {
    const response = await open(call)
    const text = await response.body.text().catch((error: unknown) => {
      throw toConnectionError(error, url, call.signal)
    })
    if (response.statusCode >= 300) throw toApiError(response, text)
    const parsed = schema.safeParse(parseJson(text))
    if (!parsed.success) throw notSluice(response.statusCode)
    return parsed.data
  }

  async function* stream(call: Call): AsyncGenerator<ServerSentEvent> {
    const response = await open(call)
    if (response.statusCode !== 200) throw toApiError(response, await response.body.text().catch(() => ''))
    try {
      yield* readEvents(response.body)
    } catch (error) {
      throw toConnectionError(error, url, call.signal)
    }
  }

  return {
    url,
    submitJob: (body, idempotencyKey, signal) =>
      ask(
        { method: 'POST', path: '/v1/jobs', body, headers: { 'idempotency-key': idempotencyKey }, signal },
        acceptedJobAnswer,
      ),
    getJob: (id, waitSeconds = 0, signal) =>
      ask({ method: 'GET', path: `/v1/jobs/${encodeURIComponent(id)}?wait=${waitSeconds}`, signal }, jobAnswer),
    listJobs: (query) => ask({ method: 'GET', path: `/v1/jobs?${toQuery(query)}` }, jobListAnswer),
    cancelJob: (id) => ask({ method: 'POST', path: `/v1/jobs/${encodeURIComponent(id)}/cancel` }, jobAnswer),
    deleteJob: (id) => ask({ method: 'DELETE', path: `/v1/jobs/${encodeURIComponent(id)}` }, deletedAnswer),
    listBatches: (query) => ask({ method: 'GET', path: `/v1/batches?${toQuery(query)}` }, batchListAnswer),
    getBatch: (id) => ask({ method: 'GET', path: `/v1/batches/${encodeURIComponent(id)}` }, batchAnswer),
    cancelBatch: (id) => ask({ method: 'POST', path: `/v1/batches/${encodeURIComponent(id)}/cancel` }, batchAnswer),
    listModels: async () => {
      const { data } = await ask({ method: 'GET', path: '/v1/models' }, modelListAnswer)
      return data.map((model) => model.id)
    },
    followJob: (id, lastEventId, signal) =>
      stream({
        method: 'GET',
        path: `/v1/jobs/${encodeURIComponent(id)}/events`,
        ...(lastEventId !== null && { headers: { 'last-event-id': lastEventId } }),
        signal,
      }),
    streamChat: (body, signal) => stream({ method: 'POST', path: '/v1/chat/completions', body, signal }),
    close: () => agent.destroy(),
  }
}

function toQuery(query: Readonly<Record<string, string | number | undefined>>): string {
  const words = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) words.set(name, String(value))
  return words.toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function toApiError(response: Dispatcher.ResponseData, text: string): ApiError {
  const { statusCode: status, headers } = response
  const parsed = errorAnswer.safeParse(parseJson(text))
  const mayRetry = headers['x-should-retry'] !== 'false'
  const isRetryable = mayRetry && (status === 408 || status === 429 || status >= 500)
  const retryAfterMs = readRetryAfterMs(headers['retry-after'], Date.now())
  // A proxy in between answers for a server that is away in words of its own.
  if (!parsed.success && !isRetryable) return notSluice(status)
  const { message, code, param } = parsed.success
    ? parsed.data.error
    : { message: `The server answered with HTTP ${status}.`, code: null, param: null }
  return new ApiError({
    status,
    code: code ?? `http_${status}`,
    message,
    param: param ?? null,
    retryAfterMs,
    isRetryable,
  })
}

/** Seconds or an HTTP date to milliseconds from now; null where the header is missing or makes no sense. */
export function readRetryAfterMs(header: string | string[] | undefined, nowMs: number): number | null {
  if (typeof header !== 'string' || header.trim() === '') return null
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
  const atMs = Date.parse(header)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}

function notSluice(status: number): ApiError {
  return new ApiError({
    status,
    code: 'unexpected_answer',
    message: `What answers there is not Sluice's API (HTTP ${status}). Check --url and SLUICE_URL.`,
  })
}

/** An abort stays what it is: nobody lost a connection. */
function toConnectionError(error: unknown, url: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof ApiError) return error
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
  // With several addresses for a name, the reason is in the errors of the single attempts.
  const first = error instanceof AggregateError ? error.errors[0] : null
  const inner = first instanceof Error && 'code' in first && typeof first.code === 'string' ? first.code : null
  return new ConnectionError(url, code ?? inner ?? 'unknown', { cause: error })
}
