import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import type { Detector } from '../../src/core/pii/detector.ts'
import type { Entity, Finding } from '../../src/core/pii/recognizer.ts'
import { createOffsetConverter } from '../../src/detectors/code-points.ts'
import { createDetectorChain } from '../../src/detectors/detector-chain.ts'
import { joinTexts, spreadFindings } from '../../src/detectors/joined-texts.ts'
import { createPatternDetector } from '../../src/detectors/pattern-detector.ts'

type Answer = ReturnType<Detector['detect']>

function pieces(...texts: string[]) {
  return texts.map((text) => ({ name: '', text }))
}

/** What was found, as `ENTITY value`. */
function found(text: string, answer: Answer, piece = 0): string[] {
  if (answer instanceof Promise) throw new Error('expected an answer at once')
  return (answer[piece] ?? []).map(({ entity, start, end }) => `${entity} ${text.slice(start, end)}`)
}

it('finds more in one text than a call takes arguments', () => {
  const count = 200_000
  const text = Array.from({ length: count }, (_, index) => `10.1.${index % 200}.${index % 250}`).join('\n')
  const addresses = new Set<Entity>(['IP'])
  expect(createBuiltinDetector({ entities: addresses }).detect(pieces(text))[0]).toHaveLength(count)
  const patterns = [{ entity: 'IP' as const, pattern: '10[.][0-9.]+', context: [] }]
  const own = createPatternDetector({ patterns, deny: [] }).detect(pieces(`\u200b${text}`))
  expect(own instanceof Promise ? [] : own[0]).toHaveLength(count)
})

describe('patterns of an operator', () => {
  function find(text: string, ...patterns: Parameters<typeof createPatternDetector>[0]['patterns']): string[] {
    return found(text, createPatternDetector({ patterns, deny: [] }).detect(pieces(text)))
  }

  it('find every match and call it what they say', () => {
    expect(find('A-1 and A-22', { entity: 'EMPLOYEE_ID', pattern: 'A-\\d+' })).toEqual([
      'EMPLOYEE_ID A-1',
      'EMPLOYEE_ID A-22',
    ])
    expect(find('ß😀 A-1', { entity: 'CUSTOM', pattern: '(?i)a-\\d' })).toEqual(['CUSTOM A-1'])
  })

  it('with context count only near one of its words, in any case, or in a field of that name', () => {
    const pattern = { entity: 'CUSTOM', pattern: '\\d{4}', context: ['Badge'] } as const
    expect(find(`BADGE 1234 ${'.'.repeat(60)} 5678`, pattern)).toEqual(['CUSTOM 1234'])
    const detector = createPatternDetector({ patterns: [pattern], deny: [] })
    expect(found('1234', detector.detect([{ name: 'badgeNumber', text: '1234' }]))).toEqual(['CUSTOM 1234'])
    expect(found('1234', detector.detect(pieces('1234')))).toEqual([])
  })

  it('see through what hides a value', () => {
    expect(find('A-1\u200b23', { entity: 'CUSTOM', pattern: 'A-\\d{3}' })).toEqual(['CUSTOM A-1\u200b23'])
    expect(find('Ａ-123', { entity: 'CUSTOM', pattern: 'A-\\d{3}' })).toEqual(['CUSTOM Ａ-123'])
  })

  it('find no empty matches, and join those that overlap', () => {
    expect(find('bab', { entity: 'CUSTOM', pattern: 'a*' })).toEqual(['CUSTOM a'])
    const patterns = [
      { entity: 'CUSTOM', pattern: 'abc', score: 0.6 },
      { entity: 'MRN', pattern: 'cde', score: 0.8 },
    ] as const
    expect(find('xabcdex', ...patterns)).toEqual(['MRN abcde'])
  })

  // It ends by the time limit of the suite where patterns backtrack.
  it('can not be made to hang', () => {
    expect(find('a'.repeat(50_000), { entity: 'CUSTOM', pattern: '(a+)+b' })).toEqual([])
  })

  it('are refused where they are no RE2', () => {
    expect(() => createPatternDetector({ patterns: [{ entity: 'CUSTOM', pattern: '(?=a)' }], deny: [] })).toThrow()
  })
})

describe('denied words', () => {
  function find(text: string, ...words: string[]): string[] {
    const detector = createPatternDetector({ patterns: [], deny: [{ entity: 'CUSTOM', words }] })
    return found(text, detector.detect(pieces(text)))
  }
  const many = Array.from({ length: 40 }, (_, index) => `filler${index}`)

  it.each([
    ['few', []],
    ['many', many],
  ])('are found in any case and as whole words: %s', (_count, others) => {
    expect(find('Project FALCON, falcon; falcons _falcon_', 'Falcon', ...others)).toEqual([
      'CUSTOM FALCON',
      'CUSTOM falcon',
      'CUSTOM falcon',
    ])
    expect(find('ΟΔΟΣ İzmir', 'οδός', 'οδος', 'izmir', ...others)).toEqual(['CUSTOM ΟΔΟΣ', 'CUSTOM İzmir'])
    expect(find('会议在東京举行 in 大阪', '東京', ...others)).toEqual(['CUSTOM 東京'])
    expect(find('the big red dog', 'big red', 'red dog', ...others)).toEqual(['CUSTOM big red dog'])
    expect(find('C++ and c', 'C++', ...others)).toEqual(['CUSTOM C++'])
  })
})

describe('a chain of detectors', () => {
  const fixed = (name: string, ...findings: Finding[]): Detector => ({ name, detect: (all) => all.map(() => findings) })
  const at = (start: number, end: number, entity: Entity, score = 0.9): Finding => ({ start, end, entity, score })

  it('finds what any of them finds, and joins what overlaps', () => {
    const chain = createDetectorChain([
      fixed('a', at(0, 5, 'PERSON', 0.6)),
      fixed('b', at(3, 9, 'EMAIL')),
      fixed('c', at(10, 11, 'AGE')),
    ])
    expect(chain.detect(pieces('0123456789ab'))).toEqual([[at(0, 9, 'EMAIL'), at(10, 11, 'AGE')]])
    expect(chain.name).toBe('a+b+c')
  })

  it('drops what is allowed, in any case, and only as a whole', () => {
    const text = 'Ada, Ada Lovelace'
    const chain = createDetectorChain([fixed('a', at(0, 3, 'PERSON'), at(5, 17, 'PERSON'))], { allow: [' ADA'] })
    expect(found(text, chain.detect(pieces(text)))).toEqual(['PERSON Ada Lovelace'])
  })

  it('drops entities that are not asked for before they can give another their name', () => {
    const chain = createDetectorChain([fixed('a', at(0, 9, 'DATE', 1)), fixed('b', at(2, 4, 'SSN', 0.5))], {
      entities: new Set<Entity>(['SSN']),
    })
    expect(chain.detect(pieces('0123456789'))).toEqual([[at(2, 4, 'SSN', 0.5)]])
  })

  it('answers at once when all do, and with a promise when one needs time', async () => {
    const remote: Detector = { name: 'remote', detect: async (all) => all.map(() => [at(0, 1, 'PERSON')]) }
    const local = createBuiltinDetector()
    expect(createDetectorChain([local]).detect(pieces('a@example.com'))).toMatchObject([[{ entity: 'EMAIL' }]])
    const answer = createDetectorChain([local, remote]).detect(pieces('x a@example.com'))
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toMatchObject([[{ entity: 'PERSON' }, { entity: 'EMAIL' }]])
  })

  it('fails when one of them did not look at every text', () => {
    const lazy: Detector = { name: 'lazy', detect: () => [[]] }
    expect(() => createDetectorChain([createBuiltinDetector(), lazy]).detect(pieces('a', 'b'))).toThrow('every text')
  })

  it('fails when one of them fails, at once or later', async () => {
    const failing: Detector = { name: 'f', detect: () => Promise.reject(new Error('away')) }
    const throwing: Detector = {
      name: 't',
      detect: () => {
        throw new Error('broken')
      },
    }
    await expect(createDetectorChain([createBuiltinDetector(), failing]).detect(pieces('a'))).rejects.toThrow('away')
    await expect(createDetectorChain([failing, throwing]).detect(pieces('a'))).rejects.toThrow()
  })
})

describe('offsets in code points', () => {
  it('become those of the same place in UTF-16', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const convert = createOffsetConverter(text)
        const signs = [...text]
        for (let count = 0; count <= signs.length; count += 1) {
          expect(convert(count)).toBe(signs.slice(0, count).join('').length)
        }
        expect(convert(signs.length + 5)).toBe(text.length)
      }),
    )
  })
})

describe('texts that are joined for a remote detector', () => {
  it('show every stretch of every piece, whole, and lead back to where it stands', () => {
    const word = fc.stringMatching(/^[a-z😀]{1,9}$/u)
    const text = fc
      .tuple(fc.array(word, { maxLength: 6 }), fc.constantFrom(1, 2000))
      .map(([words, times]) => `${words.join(' ')} `.repeat(times))
    const piece = fc.record({ name: fc.constantFrom('', 'city'), text })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (all) => {
        const joined = joinTexts(all)
        const covered = all.map(({ text: whole }) => new Uint8Array(whole.length))
        for (const one of joined) {
          expect(one.text.isWellFormed()).toBe(true)
          expect(one.text.length).toBeLessThan(21_000)
          for (const { piece: index, start, end, offset } of one.parts) {
            expect(one.text.slice(start, end)).toBe(all[index]?.text.slice(offset, offset + end - start))
            covered[index]?.fill(1, offset, offset + end - start)
          }
        }
        for (const [index, { text: whole }] of all.entries()) {
          expect(whole.trim() === '' || covered[index]?.every((one) => one === 1)).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('lead a finding that spans two pieces back to both', () => {
    const [joined] = joinTexts([
      { name: 'first', text: 'Ada' },
      { name: '', text: 'Lovelace' },
    ])
    expect(joined?.text).toBe('first: Ada\n\nLovelace')
    const byPiece: Finding[][] = [[], []]
    if (joined) spreadFindings(joined, [{ start: 8, end: 15, entity: 'PERSON', score: 1 }], byPiece)
    expect(byPiece).toEqual([
      [{ start: 1, end: 3, entity: 'PERSON', score: 1 }],
      [{ start: 0, end: 3, entity: 'PERSON', score: 1 }],
    ])
  })
})
