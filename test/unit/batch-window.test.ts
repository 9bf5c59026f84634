import { describe, expect, it } from 'vitest'
import { parseCompletionWindow } from '../../src/core/batch.ts'

const hourMs = 3_600_000

describe('the completion window of a batch', () => {
  it.each([
    ['1h', hourMs],
    ['24h', 24 * hourMs],
    ['168h', 168 * hourMs],
    ['1d', 24 * hourMs],
    ['7d', 168 * hourMs],
  ])('%s is taken', (text, ms) => {
    expect(parseCompletionWindow(text)).toBe(ms)
  })

  it.each(['', '0h', '59m', '169h', '8d', '1.5h', '24', 'h', ' 24h', '24h ', '24H', '-1h', '024h', '1h1h', '1e1h'])(
    '%j is refused',
    (text) => expect(parseCompletionWindow(text)).toBeNull(),
  )
})
