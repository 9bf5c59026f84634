import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { APICallError } from 'ai'
import { InternalServerError, RateLimitError } from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { reply, type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { refuse, say } from '../support/chat-upstream.ts'
import { type ClientCall, chatWaiters, type Reading, readByAll, responseWaiters } from './clients.ts'

/**
 * Calls that outlast their connections: every client follows the redirects by itself, with its key, and gets the end as
 * if nothing had been. The end comes when each of them has been sent on three times.
 */
const hopsWanted = 3
const callers = Object.keys(chatWaiters).length + Object.keys(responseWaiters).length
const poor = 'poor'

let broker: TestBroker
let detector: ScriptedUpstream
let hops: Hops
beforeAll(async () => {
  const finds = reply(200, { 'content-type': 'application/json' }, '[]')
  detector = await startUpstream(async (response, request) => {
    if (request.body.includes('money')) await hops.allDone
    return finds(response, request)
  })
  broker = await startTestBroker({
    models: {
      local: [{ id: 'studio-a', pool: 'studio', concurrency: callers }],
      costly: [{ id: 'studio-b', pool: 'studio', price: { input: 1_000, output: 1_000 } }],
    },
    config: {
      server: { port: 0, max_body_mb: 1, max_wait: '200ms' },
      retry: { max_attempts: 1, base_delay: '10ms', max_delay: '10ms' },
      auditor: { detectors: ['builtin', { presidio: { url: detector.url, timeout: '15s' } }] },
      tenants: {
        acme: { keys: [keyOf('acme')] },
        [poor]: { keys: [keyOf(poor)], budgets: [{ usd: 0.01, per: 'day' }] },
      },
    },
  })
})
beforeEach(() => {
  hops = new Hops()
})
afterEach(() => hops[Symbol.dispose]())
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await detector[Symbol.asyncDispose]()
})

/** Sees what the clients' own `fetch` does by itself. */
class Hops {
  readonly #counts = new Map<string, number>()
  readonly #done = Promise.withResolvers<void>()
  readonly #note = (message: unknown) => {
    const { path } = (message as { request: { path: string } }).request
    const place = /^\/v1\/(?:chat\/completions|responses)\/[^?]+/.exec(path)?.[0]
    if (place === undefined) return
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + 1)
    if (this.counts.filter((count) => count >= hopsWanted).length === callers) this.#done.resolve()
  }

  constructor() {
    subscribe('undici:request:create', this.#note)
  }

  /** How often each call was sent on. */
  get counts(): readonly number[] {
    return [...this.#counts.values()]
  }

  get allDone(): Promise<void> {
    return this.#done.promise
  }

  [Symbol.dispose](): void {
    unsubscribe('undici:request:create', this.#note)
  }
}

async function askAll(more: Partial<ClientCall> & Pick<ClientCall, 'prompt'>) {
  const call: ClientCall = { baseURL: broker.baseURL, apiKey: broker.keys.acme, model: 'local', ...more }
  const [chats, responses] = await Promise.all([readByAll(chatWaiters, call), readByAll(responseWaiters, call)])
  expect(hops.counts).toHaveLength(callers)
  for (const count of hops.counts) expect(count).toBeGreaterThanOrEqual(hopsWanted)
  return { chats, responses }
}

/** Each client's own error for a status. */
function expectStatus(
  { chats, responses }: Awaited<ReturnType<typeof askAll>>,
  expected: { status: number; code: string; openAi: new (...words: never[]) => Error },
): void {
  const { status, code, openAi } = expected
  const of = (...readings: Reading[]) => readings.map(({ error }) => error)
  for (const error of of(chats.openai, chats.langchain, responses.openai, responses.langchain)) {
    expect(error).toBeInstanceOf(openAi)
    expect(error).toMatchObject({ status, code })
  }
  for (const error of of(chats['ai, openai'], chats['ai, openai-compatible'], responses['ai, openai'])) {
    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ statusCode: status, isRetryable: true })
    expect((error as APICallError).responseBody).toContain(`"code":"${code}"`)
  }
}

describe('a call that is sent on three times', () => {
  it('ends with its answer in every client, and is one call of the model for each', async () => {
    broker.upstream.script = async (call, response) => {
      await hops.allDone
      return say(`answer to ${call.prompt}`)(call, response)
    }
    const { chats, responses } = await askAll({ prompt: 'patience' })
    for (const [client, reading] of [...Object.entries(chats), ...Object.entries(responses)]) {
      expect(reading, client).toMatchObject({ text: 'answer to patience', tokens: 12, error: null })
    }
    expect(broker.upstream.calls.filter(({ prompt }) => prompt === 'patience')).toHaveLength(callers)
  })

  it('ends with the failure of its model as what every client throws for a 5xx', async () => {
    broker.upstream.script = async (call, response) => {
      await hops.allDone
      return refuse(500)(call, response)
    }
    const readings = await askAll({ prompt: 'bad luck' })
    expectStatus(readings, { status: 502, code: 'upstream_failed', openAi: InternalServerError })
  })

  it('ends with a budget that turns out to be used up as what every client throws for a 429', async () => {
    const readings = await askAll({ prompt: 'no money', model: 'costly', apiKey: keyOf(poor) })
    expectStatus(readings, { status: 429, code: 'budget_exceeded', openAi: RateLimitError })
  })
})
