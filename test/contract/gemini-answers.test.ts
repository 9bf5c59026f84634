import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import { completed, expectFailure, streamed, takesErrors } from './model-answers.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const sse = 'text/event-stream'
const start: StartProvider = ({ url, timeouts }) =>
  createGeminiProvider({ baseUrl: `${url}/v1beta`, model: 'gemini-2.5-flash', timeouts, connections: 2 })

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/gemini/${name}`, import.meta.url), 'utf8')
}

const signature = 'CiQBVKhc7vB+vaaq6rA2E2FpyPYAAAAA'
const signed = { google: { thought_signature: signature } }
const records = fixture('stream.sse').split(/(?<=\r\n\r\n)/)
const failing = (code: number, status: string, message = 'patient-4711', details: object[] = []) => ({
  error: { code, message, status, details },
})
const retryInfo = (retryDelay: string) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay })
const quota = (quotaId: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ quotaMetric: 'm', quotaId }],
})

describe('gemini: answers', () => {
  it('have the thoughts as text, and the signature where Google has it, waiting and streaming alike', async () => {
    const waiting = await completed(start, fixture('waiting-thinking.json'))
    const { completion, failure } = await streamed(start, sse, fixture('stream-thinking.sse'))
    expect(failure).toBeNull()
    const message = { content: 'Hello!', reasoning_content: 'The user greets.', extra_content: signed }
    for (const { choices } of [waiting, completion])
      expect(choices[0]).toMatchObject({ message, finish_reason: 'length' })
  })

  it('have the signature of a call on the call', async () => {
    const waiting = await completed(start, fixture('waiting-tool-calls.json'))
    const { completion } = await streamed(start, sse, fixture('stream-tool-calls.sse'))
    for (const { choices } of [waiting, completion]) {
      const [first, second] = choices[0].message.tool_calls
      expect(first.extra_content).toEqual(signed)
      expect(second).not.toHaveProperty('extra_content')
    }
  })

  it.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content_filter'],
    ['RECITATION', 'content_filter'],
    ['PROHIBITED_CONTENT', 'content_filter'],
  ])('turn the finishReason %s of an answer with text into %s', async (reason, expected) => {
    const body = fixture('waiting.json').replace('"STOP"', JSON.stringify(reason))
    expect((await completed(start, body)).choices[0].finish_reason).toBe(expected)
    const stream = fixture('stream.sse').replace('"STOP"', JSON.stringify(reason))
    expect((await streamed(start, sse, stream)).completion.choices[0].finish_reason).toBe(expected)
  })

  it.each<[string, ProviderFailure]>([
    ['MALFORMED_FUNCTION_CALL', 'server_error'],
    ['UNEXPECTED_TOOL_CALL', 'server_error'],
    ['OTHER', 'server_error'],
    ['LANGUAGE', 'unsupported'],
  ])('take the finishReason %s for %s', async (reason, failure) => {
    const body = fixture('waiting.json').replace('"STOP"', JSON.stringify(reason))
    await using upstream = await startUpstream(reply(200, {}, body))
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure })
    await provider.close()
    const stream = fixture('stream.sse').replace('"STOP"', JSON.stringify(reason))
    expect((await streamed(start, sse, stream)).failure).toMatchObject({ failure })
  })

  it('that are blocked, prompt or answer, are a matter of policy', async () => {
    const blocked = fixture('blocked.json')
    const unsaid = '{"candidates":[{"finishReason":"SAFETY","index":0}],"usageMetadata":{"promptTokenCount":9}}'
    for (const body of [blocked, unsaid]) {
      await using upstream = await startUpstream(reply(200, {}, body))
      const provider = start({ url: upstream.url, timeouts: patient })
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'content_policy' })
      await provider.close()
      const record = `data: ${JSON.stringify(JSON.parse(body))}\r\n\r\n`
      expect((await streamed(start, sse, record)).failure).toMatchObject({ failure: 'content_policy' })
    }
  })

  it('have the probabilities of their tokens, waiting and streaming alike, where they were asked for', async () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'Zü', tokenId: 7, logProbability: -0.5 }],
      topCandidates: [
        {
          candidates: [
            { token: 'Zü', tokenId: 7, logProbability: -0.5 },
            { token: 'Be', tokenId: 8, logProbability: -1.5 },
          ],
        },
      ],
    }
    const part = { content: { parts: [{ text: 'Zü' }], role: 'model' }, finishReason: 'STOP', logprobsResult }
    const body = JSON.stringify({ candidates: [part] })
    const top = { token: 'Zü', logprob: -0.5, bytes: [90, 195, 188] }
    const told = { ...top, top_logprobs: [top, { token: 'Be', logprob: -1.5, bytes: [66, 101] }] }
    const bodies = [body, `data: ${body}\r\n\r\n`, body]
    await using upstream = await startUpstream((response) => {
      response.writeHead(200).end(bodies.shift())
    })
    const provider = start({ url: upstream.url, timeouts: patient })
    const call = callOf({ bodyJson: '{"messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":2}' })
    const waiting = JSON.parse((await provider.complete(call)).bodyJson)
    const { completion, failure } = await readStream(provider.stream(call))
    const unasked = JSON.parse((await provider.complete(callOf())).bodyJson)
    await provider.close()
    expect(failure).toBeNull()
    for (const { choices } of [waiting, completion]) {
      expect(choices[0]).toMatchObject({ message: { content: 'Zü' }, logprobs: { content: [told] } })
    }
    expect(unasked.choices[0].logprobs).toBeNull()
  })

  it('that come in several calls are one, and cut where one of these is', async () => {
    const part = (text: string, facts: object) =>
      `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text }], role: 'model' }, ...facts }], usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 } })}\r\n\r\n`
    const first = part('Hello', { finishReason: 'CONTINUATION', continuationToken: 'token' })
    for (const [second, expected] of [
      [part(' you', { finishReason: 'STOP' }), null],
      [part(' you', {}), { failure: 'cut_stream' }],
    ] as const) {
      const bodies = [first, second]
      await using upstream = await startUpstream((response) => {
        response.writeHead(200, { 'content-type': sse }).end(bodies.shift())
      })
      const provider = start({ url: upstream.url, timeouts: patient })
      const { text, failure, completion } = await readStream(provider.stream(callOf()))
      await provider.close()
      expect(text).toBe('Hello you')
      if (expected === null)
        expect({ failure, ...completion.usage }).toMatchObject({ failure: null, completion_tokens: 4 })
      else expect(failure).toMatchObject(expected)
      expect(JSON.parse(upstream.requests[1]?.body ?? '')).toMatchObject({ continuationToken: 'token' })
    }
  })

  it('go on after a finishReason where more comes, as older models send one with every piece', async () => {
    const stream = fixture('stream.sse').replaceAll(
      /("role": "model"\}), "index"/g,
      '$1, "finishReason": "STOP", "index"',
    )
    const { text, failure, completion } = await streamed(start, sse, stream)
    expect({ text, failure }).toEqual({ text: 'Grüße aus 東京 👩‍🚀: "ok"\ndone.', failure: null })
    expect(completion.choices[0].finish_reason).toBe('stop')
  })
})

describe('gemini: errors', () => {
  takesErrors(start, [
    [400, 'INVALID_ARGUMENT', failing(400, 'INVALID_ARGUMENT'), 'invalid_request'],
    [
      400,
      'a prompt that is too long',
      failing(
        400,
        'INVALID_ARGUMENT',
        'The input token count (2000003) exceeds the maximum number of tokens allowed (1048576). patient-4711',
      ),
      'context_too_long',
    ],
    [
      400,
      'a key that is none',
      failing(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
      ]),
      'auth',
    ],
    [
      400,
      'a place that is not served',
      failing(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
      'auth',
    ],
    [403, 'PERMISSION_DENIED', failing(403, 'PERMISSION_DENIED'), 'auth'],
    [404, 'NOT_FOUND', failing(404, 'NOT_FOUND', 'models/x is not found for API version v1beta'), 'model_not_found'],
    [429, 'the limit of a minute', JSON.parse(fixture('error-429.json')), 'rate_limited', { retryAfterMs: 34_000 }],
    [
      429,
      'the limit of a minute, to the nanosecond',
      failing(429, 'RESOURCE_EXHAUSTED', 'patient-4711', [retryInfo('34.074824224s')]),
      'rate_limited',
      { retryAfterMs: 34_075 },
    ],
    [
      429,
      'no room',
      failing(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
      'rate_limited',
    ],
    [
      429,
      'the quota of a day',
      failing(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota', [
        quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
        retryInfo('20s'),
      ]),
      'quota_exhausted',
    ],
    [
      429,
      'a quota without an end',
      failing(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check'),
      'quota_exhausted',
    ],
    [500, 'INTERNAL', failing(500, 'INTERNAL'), 'server_error'],
    [503, 'UNAVAILABLE', failing(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'), 'overloaded'],
    [504, 'DEADLINE_EXCEEDED', failing(504, 'DEADLINE_EXCEEDED'), 'server_error'],
  ])

  it('take an error in a list, as streams have it', async () => {
    const body = JSON.stringify([failing(429, 'RESOURCE_EXHAUSTED', 'patient-4711', [retryInfo('3s')])])
    await expectFailure(start, reply(429, {}, body), { failure: 'rate_limited', retryAfterMs: 3_000 })
  })

  it('take an error in a stream, first of all and in the middle', async () => {
    const error = `data: ${JSON.stringify(failing(503, 'UNAVAILABLE'))}\r\n\r\n`
    const expected = { failure: 'overloaded', status: null }
    expect(await streamed(start, sse, error)).toMatchObject({ failure: expected, text: '' })
    const later = await streamed(start, sse, records.slice(0, 2).join('') + error)
    expect(later).toMatchObject({ failure: expected, text: 'Grüße aus' })
  })
})
