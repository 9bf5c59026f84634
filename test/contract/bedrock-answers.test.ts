import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { createBedrockProvider } from '../../src/providers/bedrock.ts'
import { eventFrame, exceptionFrame, rawFrame } from '../support/aws-event-stream.ts'
import { completed, streamed, takesErrors } from './model-answers.ts'
import { callOf, failureOf, patient, type StartProvider } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const type = 'application/vnd.amazon.eventstream'
const start: StartProvider = ({ url, timeouts }) =>
  createBedrockProvider({
    baseUrl: url,
    region: 'us-east-1',
    model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    timeouts,
    connections: 2,
    apiKey: () => 'key',
  })

const waiting = JSON.parse(readFileSync(new URL('../fixtures/bedrock/waiting.json', import.meta.url), 'utf8'))
const delta = (contentBlockIndex: number, given: object) =>
  eventFrame('contentBlockDelta', { contentBlockIndex, delta: given })
const stop = (contentBlockIndex: number) => eventFrame('contentBlockStop', { contentBlockIndex })
const hello = [eventFrame('messageStart', { role: 'assistant' }), delta(0, { text: 'Hello' })]
const metadata = eventFrame('metadata', { usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } })

describe('bedrock: answers', () => {
  it('have the thoughts as text, and with what proves them, waiting and streaming alike', async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: 'The user greets.', signature: 'signed' } } },
      { reasoningContent: { redactedContent: 'aGlkZGVu' } },
      { text: 'Hello!' },
    ]
    const answer = await completed(
      start,
      JSON.stringify({ ...waiting, output: { message: { role: 'assistant', content } } }),
    )
    const { completion, failure } = await streamed(
      start,
      type,
      delta(0, { reasoningContent: { text: 'The user' } }),
      delta(0, { reasoningContent: { text: ' greets.' } }),
      delta(0, { reasoningContent: { signature: 'signed' } }),
      stop(0),
      delta(1, { reasoningContent: { redactedContent: 'aGlkZGVu' } }),
      stop(1),
      delta(2, { text: 'Hello!' }),
      stop(2),
      eventFrame('messageStop', { stopReason: 'end_turn' }),
      metadata,
    )
    expect(failure).toBeNull()
    for (const { choices } of [answer, completion]) {
      expect(choices[0].message).toMatchObject({
        content: 'Hello!',
        reasoning_content: 'The user greets.',
        thinking_blocks: [
          { type: 'thinking', thinking: 'The user greets.', signature: 'signed' },
          { type: 'redacted_thinking', data: 'aGlkZGVu' },
        ],
      })
    }
  })

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['guardrail_intervened', 'content_filter'],
    ['content_filtered', 'content_filter'],
  ])('turn the stopReason %s into %s', async (stopReason, expected) => {
    expect((await completed(start, JSON.stringify({ ...waiting, stopReason }))).choices[0].finish_reason).toBe(expected)
    const { completion } = await streamed(start, type, ...hello, eventFrame('messageStop', { stopReason }), metadata)
    expect(completion.choices[0].finish_reason).toBe(expected)
  })

  it('are whole without counts where a stream ends after its stopReason', async () => {
    const { text, failure, completion } = await streamed(
      start,
      type,
      ...hello,
      eventFrame('messageStop', { stopReason: 'end_turn' }),
    )
    expect({ text, failure }).toEqual({ text: 'Hello', failure: null })
    expect(completion).not.toHaveProperty('usage')
  })

  it('are cut where the counts come without a stopReason', async () => {
    const { text, failure } = await streamed(start, type, ...hello, metadata)
    expect(text).toBe('Hello')
    expect(failure).toMatchObject({ failure: 'cut_stream' })
  })

  it('pass over events that are new', async () => {
    const news = eventFrame('somethingNew', { text: 'x' })
    const { text, failure } = await streamed(
      start,
      type,
      ...hello,
      news,
      eventFrame('messageStop', { stopReason: 'end_turn' }),
      metadata,
    )
    expect({ text, failure }).toEqual({ text: 'Hello', failure: null })
  })

  it.each([
    ['in the body', (frame: Buffer) => frame.fill(0x20, frame.length - 6, frame.length - 5)],
    ['in a length', (frame: Buffer) => frame.fill(0x01, 2, 3)],
  ])('that are damaged %s are no answers', async (_where, damage) => {
    const damaged = damage(Buffer.from(delta(0, { text: ' you' })))
    const { text, failure } = await streamed(start, type, Buffer.concat([...hello, damaged, metadata]))
    expect(text).toBe('Hello')
    expect(failure).toMatchObject({ failure: 'invalid_response' })
  })
})

const failing = (errorType: string) => ({
  headers: { 'x-amzn-errortype': `${errorType}:http://internal.amazon.com/coral/` },
})

describe('bedrock: errors', () => {
  const message = 'patient-4711'
  takesErrors(start, [
    [400, 'ValidationException', { message }, 'invalid_request', failing('ValidationException')],
    [
      400,
      'a prompt that is too long',
      { message: 'Input is too long for requested model. patient-4711' },
      'context_too_long',
      failing('ValidationException'),
    ],
    [
      400,
      'a body that is too large',
      {
        message: "Value at 'body' failed to satisfy constraint: Member must have length less than or equal to 25000000",
      },
      'context_too_long',
      failing('ValidationException'),
    ],
    [
      400,
      'a model that is none',
      { message: 'The provided model identifier is invalid.' },
      'model_not_found',
      failing('ValidationException'),
    ],
    [400, 'ServiceQuotaExceededException', { message }, 'quota_exhausted', failing('ServiceQuotaExceededException')],
    [403, 'AccessDeniedException', { message }, 'auth', failing('AccessDeniedException')],
    [403, 'UnrecognizedClientException', { message }, 'auth', failing('UnrecognizedClientException')],
    [403, 'a type in the body', { __type: 'com.amazon.coral.service#ExpiredTokenException', message }, 'auth'],
    [404, 'ResourceNotFoundException', { message }, 'model_not_found', failing('ResourceNotFoundException')],
    [408, 'ModelTimeoutException', { message }, 'server_error', failing('ModelTimeoutException')],
    [424, 'ModelErrorException', { message }, 'server_error', failing('ModelErrorException')],
    [
      429,
      'ThrottlingException',
      { message: 'Too many requests, patient-4711' },
      'rate_limited',
      failing('ThrottlingException'),
    ],
    [
      429,
      'the tokens of a day',
      { message: 'Too many tokens per day, please wait before trying again.' },
      'quota_exhausted',
      failing('ThrottlingException'),
    ],
    [429, 'ModelNotReadyException', { message }, 'overloaded', failing('ModelNotReadyException')],
    [500, 'InternalServerException', { message }, 'server_error', failing('InternalServerException')],
    [503, 'ServiceUnavailableException', { message }, 'overloaded', failing('ServiceUnavailableException')],
  ])

  it.each<[string, string, ProviderFailure]>([
    ['throttlingException', 'Too many tokens, please wait before trying again.', 'rate_limited'],
    ['serviceUnavailableException', message, 'overloaded'],
    ['modelStreamErrorException', message, 'server_error'],
    ['internalServerException', message, 'server_error'],
    ['validationException', 'Input is too long for requested model.', 'context_too_long'],
    ['validationException', message, 'invalid_request'],
    ['someNewException', message, 'server_error'],
  ])('take a %s (%s) in a stream, first of all and in the middle', async (kind, said, expected) => {
    const frame = exceptionFrame(kind, said)
    expect(await streamed(start, type, frame)).toMatchObject({ failure: { failure: expected, status: null }, text: '' })
    expect(await streamed(start, type, ...hello, frame)).toMatchObject({
      failure: { failure: expected },
      text: 'Hello',
    })
  })

  it('take an error that is none of the modelled ones for the server’s', async () => {
    const headers = { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': message }
    const { failure } = await streamed(start, type, ...hello, rawFrame(headers, ''))
    expect(failure).toMatchObject({ failure: 'server_error', message: 'The upstream reported an error' })
  })

  it('take an object without a stopReason for no answer', async () => {
    await using upstream = await startUpstream(
      reply(200, {}, '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"}}'),
    )
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'invalid_response' })
    await provider.close()
  })
})
