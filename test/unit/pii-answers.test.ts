import { describe, expect, it } from 'vitest'
import type { AnswerPolicy } from '../../src/core/audit-policy.ts'
import { AnswerText, reviewAnswer } from '../../src/core/pii/answers.ts'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'

const detector = createBuiltinDetector()
const asked = 'Write to ada@example.com please.'

function review(message: object, policy: AnswerPolicy) {
  const json = JSON.stringify({
    id: 'chatcmpl-4111111111111111',
    created: 4111111111111111,
    model: 'bob@example.com',
    choices: [
      { index: 0, message: { role: 'assistant', ...message }, logprobs: { content: [{ token: 'bob@example.com' }] } },
    ],
    usage: { total_tokens: 4111111111111111 },
  })
  const text = new AnswerText(json)
  const review = reviewAnswer(text, detector.detect(text.pieces), { isKnown: (value) => asked.includes(value), policy })
  return { ...review, json, message: JSON.parse(review.bodyJson).choices[0].message }
}

describe('reviewing an answer', () => {
  it('counts what the caller did not bring along, and changes nothing to report it', () => {
    const { counts, bodyJson, json, blocked } = review(
      { content: 'ada@example.com, bob@example.com 10.0.0.7' },
      'report',
    )
    expect(counts).toEqual({ EMAIL: 1, IP: 1 })
    expect(bodyJson).toBe(json)
    expect(blocked).toBe(false)
  })

  it('redacts it everywhere but where the protocol needs it', () => {
    const call = {
      id: 'call_4111111111111111',
      type: 'function',
      function: { name: 'f', arguments: '{"to":"bob@example.com"}' },
    }
    const { message, bodyJson, counts } = review(
      { content: 'ada@example.com, bob@example.com', refusal: 'to bob@example.com', tool_calls: [call] },
      'redact',
    )
    expect(message.content).toBe('ada@example.com, <EMAIL>')
    expect(message.refusal).toBe('to <EMAIL>')
    expect(JSON.parse(message.tool_calls[0].function.arguments)).toEqual({ to: '<EMAIL>' })
    expect(message.tool_calls[0].id).toBe('call_4111111111111111')
    expect(JSON.parse(bodyJson)).toMatchObject({ id: 'chatcmpl-4111111111111111', model: 'bob@example.com' })
    expect(counts).toEqual({ EMAIL: 3 })
  })

  it('blocks an answer with anything new in it, and no other', () => {
    expect(review({ content: 'a card: 4111 1111 1111 1111' }, 'block')).toMatchObject({
      blocked: true,
      counts: { CREDIT_CARD: 1 },
    })
    expect(review({ content: 'ada@example.com <EMAIL_1> <PERSON_2>' }, 'block')).toMatchObject({
      blocked: false,
      counts: {},
    })
  })

  it('looks at nothing where it is off', () => {
    expect(review({ content: 'bob@example.com' }, 'off')).toMatchObject({ blocked: false, counts: {} })
  })
})
