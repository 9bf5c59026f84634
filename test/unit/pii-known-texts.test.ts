import { describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { KnownTexts } from '../../src/core/pii/known-texts.ts'

const long = 'Please look into this one, which is long enough to be remembered.'

describe('texts that come again', () => {
  it('are looked at once', () => {
    const known = new KnownTexts(10)
    let looks = 0
    const look = () => {
      looks += 1
      return [{ start: 0, end: 6, entity: 'CUSTOM', score: 1 }] as const
    }
    const first = known.find({ name: 'content', text: long }, look)
    expect(known.find({ name: 'content', text: long }, look)).toEqual(first)
    expect(looks).toBe(1)
  })

  it('are told apart by the field that they stand in, and by every sign', () => {
    const known = new KnownTexts(10)
    const asked: string[] = []
    const look = ({ name, text }: { name: string; text: string }) => {
      asked.push(`${name} ${text}`)
      return []
    }
    for (const piece of [
      { name: 'content', text: long },
      { name: 'phone', text: long },
      { name: 'content', text: `${long} ` },
      { name: 'content', text: long },
    ])
      known.find(piece, look)
    expect(asked).toHaveLength(3)
  })

  it('are forgotten when others were used since', () => {
    const known = new KnownTexts(2)
    const asked: string[] = []
    const look = ({ text }: { text: string }) => {
      asked.push(text.at(-1) ?? '')
      return []
    }
    for (const sign of 'abacab') known.find({ name: '', text: long + sign }, look)
    expect(asked.join('')).toBe('abcb')
  })

  it('are found the same in a detector that remembers as in one that does not', () => {
    const remembering = createBuiltinDetector({ remembers: 100 })
    const plain = createBuiltinDetector()
    const turns = [
      'My name is Rosa Pedroza and I live at 12 Main Street, Springfield; write to rosa@example.com.',
      'Pedroza called from +1 202 555 0143 about her card 4111 1111 1111 1111, please help her.',
      'And what did Rosa say about the invoice that we sent to her on the first of May this year?',
    ].map((text) => ({ name: 'content', text }))
    for (let count = 1; count <= turns.length; count += 1) {
      const pieces = turns.slice(0, count)
      expect(remembering.detect(pieces)).toEqual(plain.detect(pieces))
    }
  })
})
