import { describe, expect, it } from 'vitest'
import { isFilteredAway } from '../../src/core/content-filter.ts'

function completion(...choices: object[]): string {
  return JSON.stringify({ object: 'chat.completion', choices })
}

const filtered = (message: object) => ({
  index: 0,
  message: { role: 'assistant', ...message },
  finish_reason: 'content_filter',
})

describe('an answer that its upstream filtered', () => {
  it.each([
    ['without content', completion(filtered({ content: null }))],
    ['with empty content', completion(filtered({ content: '' }))],
    ['without a message', completion({ index: 0, finish_reason: 'content_filter' })],
    ['in every choice', completion(filtered({ content: null }), filtered({ content: '', tool_calls: [] }))],
  ])('is filtered away %s', (_how, json) => {
    expect(isFilteredAway(json)).toBe(true)
  })

  it.each([
    ['that says something before the filter', completion(filtered({ content: 'The first half' }))],
    ['that refuses in words', completion(filtered({ content: null, refusal: 'I cannot help with that.' }))],
    ['that calls a tool', completion(filtered({ content: null, tool_calls: [{ id: 'call_1' }] }))],
    [
      'that has another choice',
      completion(filtered({ content: null }), { index: 1, message: { content: 'fine' }, finish_reason: 'stop' }),
    ],
    ['that only speaks of it', completion({ index: 0, message: { content: 'content_filter' }, finish_reason: 'stop' })],
    ['that has no choices', '{"choices":[],"note":"content_filter"}'],
    ['that is not JSON', 'content_filter'],
  ])('is not one %s', (_how, json) => {
    expect(isFilteredAway(json)).toBe(false)
  })
})
