import { APICallError, RetryError } from 'ai'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reply, type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang, refuse } from '../support/chat-upstream.ts'
import {
  type ClientCall,
  chatStreamReaders,
  chatWaiters,
  readByAll,
  responseStreamReaders,
  responseWaiters,
  statusOf,
} from './clients.ts'
import { type Front, startFront } from './front.ts'

/**
 * Each error of Sluice, made for its real reason, as every client reports it, and what it costs when the client tries
 * again by itself: requests, jobs, calls of the model.
 */
let detector: ScriptedUpstream
let broker: TestBroker
let front: Front
beforeAll(async () => {
  const json = { 'content-type': 'application/json' }
  detector = await startUpstream((response, request) =>
    reply(request.body.includes('unseen') ? 500 : 200, json, '[]')(response, request),
  )
  broker = await startTestBroker({
    detectorWaitMs: 10,
    models: {
      local: [{ id: 'studio-a', pool: 'studio', concurrency: 16 }],
      cloud: [{ id: 'cloud-a', pool: 'cloud' }],
      costly: [{ id: 'studio-b', pool: 'studio', price: { input: 1_000, output: 1_000 } }],
    },
    config: {
      retry: { max_attempts: 1, base_delay: '10ms', max_delay: '10ms' },
      auditor: { detectors: ['builtin', { presidio: { url: detector.url, timeout: '5s' } }] },
      tenants: {
        acme: { keys: [keyOf('acme')] },
        poor: { keys: [keyOf('poor')], budgets: [{ usd: 0.01, per: 'day' }] },
        hasty: { keys: [keyOf('hasty')], limits: { rpm: 1 } },
      },
    },
    script: (call, response) => {
      if (call.prompt.startsWith('hang')) return hang(call, response)
      return (call.prompt.startsWith('fail') ? refuse(500) : echo)(call, response)
    },
  })
  front = await startFront(broker.url)
  await broker.send('/v1/chat/completions', { tenant: 'hasty', json: { model: 'local', messages } })
  const headers = { 'idempotency-key': 'taken' }
  await broker.send('/v1/chat/completions', { headers, json: { model: 'local', messages } })
})
afterAll(async () => {
  await front[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
  await detector[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'first' }]

type Client = keyof typeof chatWaiters

/** Everybody who waits for an answer, with the client whose errors they get. */
const waiters = [
  ...(Object.keys(chatWaiters) as Client[]).map((client) => ({ client, of: 'a chat', read: chatWaiters[client] })),
  ...(Object.keys(responseWaiters) as (keyof typeof responseWaiters)[]).map((client) => ({
    client,
    of: 'a response',
    read: responseWaiters[client],
  })),
]
type OpenAiError = new (...words: never[]) => Error

interface Case {
  readonly reason: string
  readonly call: Partial<ClientCall>
  readonly status: number
  readonly code: string
  readonly type: string
  readonly openAi: OpenAiError
  /** Requests of the openai client, of Vercel's two, of LangChain's, each with two retries. */
  readonly requests: readonly [openAi: number, vercel: number, langChain: number]
  /** The jobs of each client: none, one for all of its requests, or one for each. */
  readonly jobs: 'none' | 'one' | 'each'
  readonly upstreamCalls: number
}

const badRequest = 'invalid_request_error'
const cases: readonly Case[] = [
  {
    reason: 'a header that says nothing',
    call: { headers: { 'x-sluice-sensitivity': 'very' } },
    status: 400,
    code: 'invalid_header',
    type: badRequest,
    openAi: OpenAI.BadRequestError,
    requests: [1, 1, 1],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'a wrong key',
    call: { apiKey: 'sk-wrong' },
    status: 401,
    code: 'invalid_api_key',
    type: badRequest,
    openAi: OpenAI.AuthenticationError,
    requests: [1, 1, 1],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'a restricted prompt for a cloud',
    call: { model: 'cloud', headers: { 'x-sluice-sensitivity': 'restricted' } },
    status: 403,
    code: 'no_eligible_deployment',
    type: 'policy_error',
    openAi: OpenAI.PermissionDeniedError,
    requests: [1, 1, 1],
    jobs: 'one',
    upstreamCalls: 0,
  },
  {
    reason: 'an unknown model',
    call: { model: 'gpt-99' },
    status: 404,
    code: 'model_not_found',
    type: badRequest,
    openAi: OpenAI.NotFoundError,
    requests: [1, 1, 1],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'a prompt past the limit',
    call: { prompt: 'long '.repeat(250_000) },
    status: 413,
    code: 'body_too_large',
    type: badRequest,
    openAi: OpenAI.APIError,
    requests: [1, 1, 1],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'an Idempotency-Key of another request',
    call: { headers: { 'idempotency-key': 'taken' } },
    status: 422,
    code: 'idempotency_key_reused',
    type: badRequest,
    openAi: OpenAI.UnprocessableEntityError,
    // LangChain does not look at `x-should-retry`.
    requests: [1, 1, 3],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'more requests than a minute has',
    call: { apiKey: keyOf('hasty') },
    status: 429,
    code: 'rate_limit_exceeded',
    type: 'rate_limit_error',
    openAi: OpenAI.RateLimitError,
    requests: [3, 3, 3],
    jobs: 'none',
    upstreamCalls: 0,
  },
  {
    reason: 'a budget without room',
    call: { model: 'costly', apiKey: keyOf('poor') },
    status: 429,
    code: 'budget_exceeded',
    type: 'insufficient_quota',
    openAi: OpenAI.RateLimitError,
    requests: [1, 3, 1],
    jobs: 'each',
    upstreamCalls: 0,
  },
  {
    reason: 'a detector that is away',
    call: { model: 'cloud', prompt: 'unseen' },
    status: 503,
    code: 'detector_unavailable',
    type: 'server_error',
    openAi: OpenAI.InternalServerError,
    requests: [3, 3, 3],
    jobs: 'each',
    upstreamCalls: 0,
  },
  {
    reason: 'a model that fails for good',
    call: { prompt: 'fail' },
    status: 502,
    code: 'upstream_failed',
    type: 'server_error',
    openAi: OpenAI.InternalServerError,
    requests: [1, 3, 3],
    jobs: 'one',
    upstreamCalls: 1,
  },
  {
    reason: 'a deadline that has passed',
    call: { prompt: 'hang', headers: { 'x-sluice-deadline': '3' } },
    status: 504,
    code: 'deadline_exceeded',
    type: 'server_error',
    openAi: OpenAI.InternalServerError,
    requests: [1, 3, 3],
    jobs: 'one',
    upstreamCalls: 1,
  },
]

/** The error of the last attempt: Vercel's wraps it where it has tried more than once. */
const lastOf = (error: unknown) => (RetryError.isInstance(error) ? error.lastError : error)

function expectError(client: Client, error: unknown, { status, code, type, openAi, requests }: Case): void {
  if (client === 'openai' || client === 'langchain') {
    expect(error).toBeInstanceOf(openAi)
    expect(error).toMatchObject({ status, code, type })
    return
  }
  const isRetryable = [408, 409, 429].includes(status) || status >= 500
  if (requests[1] > 1) expect(error).toMatchObject({ reason: 'maxRetriesExceeded' })
  const last = lastOf(error)
  expect(APICallError.isInstance(last)).toBe(true)
  expect(last).toMatchObject({ statusCode: status, isRetryable, data: { error: { code, type } } })
}

describe.concurrent('an error because of', () => {
  it.each(cases)('$reason is $status $code to every client', async (expected) => {
    const { reason, call, requests, status } = expected
    const run = async ({ client, of, read }: (typeof waiters)[number]) => {
      const name = encodeURIComponent(`${client} ${of} ${reason}`)
      const prompt = `${call.prompt ?? 'hello'} ${name}`
      const base = { apiKey: broker.keys.acme, model: 'local', maxRetries: 2, ...call, prompt }
      const { error } = await read({ ...base, baseURL: front.baseUrlOf(name) })
      expectError(client, error, expected)
      const calls = front.callsOf(name)
      const attempts = { openai: requests[0], langchain: requests[2] }[client as string] ?? requests[1]
      const statuses = calls.map((each) => each.status)
      expect(statuses, name).toEqual(Array(attempts).fill(status))
      const jobs = new Set(calls.flatMap(({ job }) => job ?? []))
      expect(jobs.size, name).toBe({ none: 0, one: 1, each: attempts }[expected.jobs])
      const reached = broker.upstream.calls.filter((each) => each.prompt === prompt)
      expect(reached.length, name).toBe(expected.upstreamCalls)
    }
    await Promise.all(waiters.map(run))
  })
})

describe('a stream that is refused before it begins', () => {
  it.each([
    ['a chat', chatStreamReaders],
    ['a response', responseStreamReaders],
  ])('has its status in every client that asks for %s', async (_of, readers) => {
    const call = { baseURL: broker.baseURL, apiKey: broker.keys.acme, model: 'gpt-99', prompt: 'hello' }
    for (const [client, { text, error }] of Object.entries(await readByAll<string>(readers, call))) {
      expect(statusOf(error), client).toBe(404)
      expect(text, client).toBe('')
    }
  })
})
