import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scan } from '../../src/core/pii/scan.ts'
import { wordSet } from '../../src/core/pii/word-set.ts'

const colours = wordSet(['red', 'blue'])

describe('a scan', () => {
  it('finds the groups of digits and the codes that a plain search finds', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a1B2é _-]{0,40}$/), (text) => {
        const scan = new Scan(text)
        const digits = [...text.matchAll(/[0-9]+/g)].map(({ 0: run, index }) => ({
          start: index,
          end: index + run.length,
        }))
        for (let length = 1; length < 5; length += 1) {
          expect(scan.digitGroups(length)).toEqual(digits.filter(({ start, end }) => end - start === length))
        }
        const codes = [...text.matchAll(/[A-Za-z0-9]+/g)]
          .filter(([run]) => /[0-9]/.test(run) && /[A-Za-z]/.test(run))
          .map(({ 0: run, index }) => ({ start: index, end: index + run.length }))
        expect(scan.codes).toEqual(codes)
      }),
      { numRuns: 500 },
    )
  })

  it('knows what stands before a place, on the same line and not too far', () => {
    const text = 'red 1\n2 blue, and then 3'
    const scan = new Scan(text)
    expect(scan.isAfter(colours, text.indexOf('1'))).toBe(true)
    expect(scan.isAfter(colours, text.indexOf('2'))).toBe(false)
    expect(scan.isAfter(colours, text.indexOf('3'))).toBe(true)
    expect(scan.isAfter(colours, text.indexOf('3'), 5)).toBe(false)
    expect(scan.isAfter(colours, 0)).toBe(false)
  })

  it('knows what stands on either side of a stretch', () => {
    const text = '12 is blue and 34'
    const scan = new Scan(text)
    expect(scan.isNear(colours, { start: 0, end: 2 })).toBe(true)
    expect(scan.isNear(colours, { start: 0, end: 2 }, 2)).toBe(false)
    expect(scan.isNear(colours, { start: 15, end: 17 })).toBe(true)
    expect(new Scan('12 and 34').isNear(colours, { start: 0, end: 2 })).toBe(false)
  })

  it('says which sets a text has words of', () => {
    expect(new Scan('a blue car').has(colours)).toBe(true)
    expect(new Scan('a car').has(colours)).toBe(false)
  })
})
