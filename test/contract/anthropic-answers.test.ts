import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
import { completed, expectFailure, streamed, takesErrors } from './model-answers.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const sse = 'text/event-stream; charset=utf-8'
const start: StartProvider = ({ url, timeouts }) =>
  createAnthropicProvider({ baseUrl: `${url}/v1`, model: 'claude-sonnet-4-5', timeouts, connections: 2 })

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/anthropic/${name}`, import.meta.url), 'utf8')
}

const records = fixture('stream.sse').split(/(?<=\n\n)/)
const failing = (type: string, message = 'patient-4711') => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_1',
})
const errorRecord = (type: string, message?: string) =>
  `event: error\ndata: ${JSON.stringify(failing(type, message))}\n\n`

const thought = {
  content: 'Hello!',
  reasoning_content: 'The user greets.',
  thinking_blocks: [
    {
      type: 'thinking',
      thinking: 'The user greets.',
      signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=',
    },
    { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw' },
  ],
}

describe('anthropic: answers', () => {
  it('have the thoughts as text, and with what proves them, waiting and streaming alike', async () => {
    const waiting = await completed(start, fixture('waiting-thinking.json'))
    const { completion, failure } = await streamed(start, sse, fixture('stream-thinking.sse'))
    expect(failure).toBeNull()
    for (const { choices } of [waiting, completion]) {
      expect(choices[0]).toMatchObject({ message: thought, finish_reason: 'length' })
    }
    expect(waiting.usage).toEqual({
      prompt_tokens: 10,
      completion_tokens: 25,
      total_tokens: 35,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 21 },
    })
  })

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
    ['something new', 'stop'],
  ])('turn the stop_reason %s into %s', async (stop_reason, expected) => {
    const answer = { ...JSON.parse(fixture('waiting.json')), stop_reason }
    expect((await completed(start, JSON.stringify(answer))).choices[0].finish_reason).toBe(expected)
    const stream = fixture('stream.sse').replace('"end_turn"', JSON.stringify(stop_reason))
    expect((await streamed(start, sse, stream)).completion.choices[0].finish_reason).toBe(expected)
  })

  it('count what was written to a cache into the prompt, and say how much it was', async () => {
    const usage = { input_tokens: 3, cache_creation_input_tokens: 100, cache_read_input_tokens: 50, output_tokens: 7 }
    const answer = await completed(start, JSON.stringify({ ...JSON.parse(fixture('waiting.json')), usage }))
    expect(answer.usage).toEqual({
      prompt_tokens: 153,
      completion_tokens: 7,
      total_tokens: 160,
      prompt_tokens_details: { cached_tokens: 50, cache_write_tokens: 100 },
    })
  })

  it('without a word, refused, are a matter of policy', async () => {
    const empty = { ...JSON.parse(fixture('waiting.json')), content: [], stop_reason: 'refusal' }
    await using upstream = await startUpstream(reply(200, {}, JSON.stringify(empty)))
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'content_policy' })
    await provider.close()
    const refused = [records[0], ...records.slice(-2)].join('').replace('"end_turn"', '"refusal"')
    expect((await streamed(start, sse, refused)).failure).toMatchObject({ failure: 'content_policy' })
  })

  it('pass over events that are new, as the API reserves them', async () => {
    const added = records.toSpliced(4, 0, 'event: news\ndata: {"type":"news","text":"patient-4711"}\n\n').join('')
    const { text, failure } = await streamed(start, sse, added)
    expect({ text, failure }).toEqual({ text: 'Grüße aus 東京 👩‍🚀: "ok"\ndone.', failure: null })
  })

  it('that begin with a block that nobody knows are no answers, and nobody keeps their connection', async () => {
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'patient-4711' } }
    await using upstream = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': sse }).write(`data: ${JSON.stringify(block)}\n\n`)
    })
    const provider = start({ url: upstream.url, timeouts: patient })
    const arrival = upstream.nextRequest()
    const { failure } = await readStream(provider.stream(callOf()))
    expect(failure).toMatchObject({ failure: 'invalid_response' })
    await (await arrival).closed
    await provider.close()
  })

  it('write nothing to the console', async () => {
    const written: unknown[] = []
    const names = ['log', 'warn', 'error', 'info', 'debug'] as const
    const before = names.map((name) => console[name])
    for (const name of names) console[name] = (...values: unknown[]) => written.push(values)
    try {
      await completed(start, fixture('waiting-thinking.json'))
      await streamed(start, sse, fixture('stream-thinking.sse'))
      await expectFailure(start, reply(200, {}, '{"type":"message"}'), { failure: 'invalid_response' })
    } finally {
      for (const [index, name] of names.entries()) console[name] = before[index] ?? console.log
    }
    expect(written).toEqual([])
  })
})

describe('anthropic: errors', () => {
  takesErrors(start, [
    [400, 'invalid_request_error', failing('invalid_request_error', 'messages: patient-4711'), 'invalid_request'],
    [
      400,
      'a prompt that is too long',
      failing('invalid_request_error', 'prompt is too long: 207791 tokens > 200000 maximum; patient-4711'),
      'context_too_long',
    ],
    [
      400,
      'prompt and answer that are too long together',
      failing(
        'invalid_request_error',
        'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, patient-4711',
      ),
      'context_too_long',
    ],
    [
      400,
      'an account without money',
      failing('invalid_request_error', 'Your credit balance is too low to access the Anthropic API. patient-4711'),
      'quota_exhausted',
    ],
    [401, 'authentication_error', failing('authentication_error'), 'auth'],
    [402, 'billing_error', failing('billing_error'), 'quota_exhausted'],
    [403, 'permission_error', failing('permission_error'), 'auth'],
    [404, 'not_found_error', failing('not_found_error', 'model: claude-0'), 'model_not_found'],
    [413, 'request_too_large', failing('request_too_large'), 'context_too_long'],
    [
      429,
      'rate_limit_error',
      failing('rate_limit_error'),
      'rate_limited',
      { retryAfterMs: 12_000, headers: { 'retry-after': '12' } },
    ],
    [500, 'api_error', failing('api_error'), 'server_error'],
    [504, 'timeout_error', failing('timeout_error'), 'server_error'],
    [529, 'overloaded_error', failing('overloaded_error'), 'overloaded'],
  ])

  it.each<[string, string | undefined, ProviderFailure]>([
    ['overloaded_error', undefined, 'overloaded'],
    ['rate_limit_error', undefined, 'rate_limited'],
    ['api_error', undefined, 'server_error'],
    ['invalid_request_error', 'prompt is too long: 3 tokens > 2 maximum', 'context_too_long'],
    ['an_error_of_tomorrow', undefined, 'server_error'],
  ])('take %s in a stream, first of all and in the middle', async (type, message, expected) => {
    const first = await streamed(start, sse, errorRecord(type, message))
    expect(first).toMatchObject({ failure: { failure: expected, status: null }, text: '' })
    const later = await streamed(start, sse, records.slice(0, 5).join('') + errorRecord(type, message))
    expect(later).toMatchObject({ failure: { failure: expected }, text: 'Grüße aus' })
  })

  it('take an error under status 200 for what it says', async () => {
    await using upstream = await startUpstream(reply(200, {}, JSON.stringify(failing('overloaded_error'))))
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'overloaded' })
    await provider.close()
  })
})
