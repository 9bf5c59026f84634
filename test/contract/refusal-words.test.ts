import { describe, expect, it } from 'vitest'
import { againIn, readWords } from '../../src/providers/refusal-words.ts'
import { classifyRefusal, reportedError } from '../../src/providers/upstream-refusal.ts'
import { openAiError, refusalSamples } from './refusal-samples.ts'

describe('what a refusal means', () => {
  it.each(refusalSamples)('%s %i %j is %s', (_from, status, body, failure) => {
    const words = readWords(body as Record<string, unknown>)
    expect(classifyRefusal(status, words)).toBe(failure)
  })

  it('is the same for mlx_lm, whose every failure is a 404', () => {
    const habits = { notFoundMeansFailed: true }
    const about = (error: string) => classifyRefusal(404, readWords({ error }), habits)
    expect(about('[METAL] Command buffer execution failed')).toBe('server_error')
    expect(about('404 Client Error. Repository Not Found for url: https://hub.example/x')).toBe('model_not_found')
  })

  it('is not read out of statuses that say all', () => {
    const words = readWords(openAiError('the prompt is too long: 9000', null))
    for (const status of [408, 409, 502, 504, 529]) {
      expect(['server_error', 'overloaded']).toContain(classifyRefusal(status, words))
    }
  })

  it('is what a status in the code of an error under 200 says, if there is one', () => {
    expect(reportedError({ code: 429, message: 'slow' }).failure).toBe('rate_limited')
    expect(reportedError({ code: '402', message: '' }).failure).toBe('quota_exhausted')
    expect(reportedError({ code: 502, message: 'Provider returned error' }).failure).toBe('server_error')
    expect(reportedError('the prompt is longer than the context length', 400).failure).toBe('context_too_long')
    expect(reportedError({ code: 'content_filter', message: 'no' }).failure).toBe('content_policy')
    expect(reportedError('model runner has unexpectedly stopped').failure).toBe('server_error')
    expect(reportedError(null).failure).toBe('server_error')
  })

  it.each([
    ['Please try again in 7m12s.', '7m12s'],
    ['Rate limit reached. Please try again in 20ms.', '20ms'],
    ['Please retry after 6 seconds.', '6 seconds'],
    ['Try again later.', null],
  ])('says in "%s" when to come back', (message, expected) => {
    expect(againIn({ codes: [], message })).toBe(expected)
  })

  it('takes a bounded time however long and strange the message is', () => {
    const message = 'model '.repeat(400_000)
    const words = readWords({ error: { message } })
    expect(words.message.length).toBeLessThan(3_000)
    expect(classifyRefusal(400, words)).toBe('invalid_request')
  })
})
