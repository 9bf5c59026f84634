import { describe, expect, it } from 'vitest'
import { hasMedia, measurePrompt, readWish } from '../../src/core/request-needs.ts'

const message = (content: unknown) => ({ messages: [{ role: 'user', content }] })
const needsOf = (body: object, isStream = false) =>
  [...readWish('/v1/chat/completions', JSON.stringify(body), isStream).needs].sort()

describe('what a chat needs', () => {
  it.each([
    ['streaming', {}, true],
    ['tools', { tools: [{ type: 'function' }] }],
    ['tools', { functions: [{ name: 'f' }] }],
    ['tools', { messages: [{ role: 'tool', content: '1' }] }],
    ['tools', { messages: [{ role: 'assistant', tool_calls: [{ id: '1' }] }] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tool_choice: { type: 'function', function: { name: 'f' } } }],
    ['json_object', { response_format: { type: 'json_object' } }],
    ['json_schema', { response_format: { type: 'json_schema', json_schema: {} } }],
    ['images', message([{ type: 'image_url', image_url: { url: 'x' } }])],
    ['audio', message([{ type: 'input_audio' }])],
    ['audio', { modalities: ['text', 'audio'] }],
    ['files', message([{ type: 'file' }])],
    ['logprobs', { logprobs: true }],
    ['logprobs', { top_logprobs: 2 }],
    ['n', { n: 2 }],
    ['seed', { seed: 0 }],
    ['reasoning', { reasoning_effort: 'low' }],
    ['web_search', { web_search_options: {} }],
  ] as const)('is %s for %o', (need, body, isStream: boolean | undefined = false) => {
    expect(needsOf(body, isStream)).toEqual(['chat', need].sort())
  })

  it('is nothing for what means the usual, or is not there', () => {
    const usual = {
      ...message([{ type: 'text', text: 'hi' }]),
      tools: [],
      tool_choice: 'auto',
      response_format: { type: 'text' },
      logprobs: false,
      top_logprobs: 0,
      n: 1,
      seed: null,
      reasoning_effort: 'none',
      modalities: ['text'],
    }
    expect(needsOf(usual)).toEqual(['chat'])
    expect([...readWish('/v1/embeddings', '{"input": "x", "n": 3}', false).needs]).toEqual(['embeddings'])
  })

  it('is never guessed from what is no request', () => {
    expect([...readWish('/v1/chat/completions', '[1]', false).needs]).toEqual(['chat'])
  })
})

describe('what a request asks for', () => {
  it('is the larger of two limits, for each of its answers', () => {
    const wish = readWish('/v1/chat/completions', '{"n": 3, "max_tokens": 5, "max_completion_tokens": 9}', false)
    expect([wish.choices, wish.outputTokens]).toEqual([3, 9])
    expect(readWish('/v1/chat/completions', '{"max_tokens": -1}', false).outputTokens).toBeNull()
    expect(readWish('/v1/embeddings', '{}', false).outputTokens).toBe(0)
  })
})

describe('the size of a prompt', () => {
  const counter = { countPrompt: () => 7, countAnswer: () => 0 }

  it('is bounded by its bytes until somebody counts', () => {
    const prompt = measurePrompt('{"é": 1}', () => false, counter)
    expect([prompt.atMost, prompt.counted]).toEqual([9, null])
    expect([prompt.count(), prompt.counted, prompt.atMost]).toEqual([7, 7, 7])
  })

  it('is counted where a link stands for a picture', () => {
    const body = JSON.stringify(message([{ type: 'image_url', image_url: { url: 'http://x' } }]))
    const wish = readWish('/v1/chat/completions', body, false)
    expect(measurePrompt(body, () => hasMedia(wish), counter).atMost).toBe(7)
  })
})
