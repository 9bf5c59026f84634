import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scan } from '../../src/core/pii/scan.ts'
import { WordSearch, wordSet } from '../../src/core/pii/word-set.ts'

const colours = wordSet(['red', 'dark red', 'blue', 'grün', 'синий'])
const marks = wordSet(['sk-', 'key'], { whole: false })

function stretches(text: string, set = colours): string[] {
  const { starts, ends } = new Scan(text).hits(set)
  return starts.map((start, index) => text.slice(start, ends[index]))
}

describe('a set of words', () => {
  it('is found in any case, in several scripts', () => {
    expect(stretches('Red, BLUE; GRÜN and Синий')).toEqual(['Red', 'BLUE', 'GRÜN', 'Синий'])
  })

  it('gives the shorter of two words as well', () => {
    expect(stretches('a dark red wall')).toEqual(['dark red', 'red'])
  })

  it('is found only as whole words', () => {
    expect(stretches('reduce infrared redß bluei')).toEqual([])
  })

  it('is found beside digits, underscores and the next word of a camel-case name', () => {
    expect(stretches('red1 red_wall redWall darkRed isBlueOrNot')).toEqual(['red', 'red', 'red', 'Red', 'Blue'])
  })

  it('is found inside of words if it says so', () => {
    expect(stretches('task-sk-1 monkey', marks)).toEqual(['sk-', 'sk-', 'key'])
  })

  it('finds what looking for each word by itself finds', () => {
    const words = ['ab', 'abc', 'bca', 'c', 'aab', 'cc']
    const few = new WordSearch(words)
    const many = new WordSearch([...words, ...Array.from({ length: 30 }, (_, index) => `zz${index}`)])
    fc.assert(
      fc.property(fc.stringMatching(/^[abc]{0,30}$/), (text) => {
        const expected = words.flatMap((word) =>
          [...text].flatMap((_, start) => (text.startsWith(word, start) ? [`${start} ${word}`] : [])),
        )
        const all = many.find(text).map(({ start, end }) => `${start} ${text.slice(start, end)}`)
        expect(all.sort()).toEqual(expected.sort())
        for (const { start, end } of few.find(text)) expect(words).toContain(text.slice(start, end))
      }),
    )
  })
})
