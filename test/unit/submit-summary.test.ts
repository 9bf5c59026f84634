import { describe, expect, it } from 'vitest'
import { type ChunkSummary, parseSummary, SummaryMerger } from '../../src/cli/submit/summary.ts'

function summary(fields: Partial<ChunkSummary>): ChunkSummary {
  return { lines: 0, severities: {}, templates: [], anomalies: [], ...fields }
}

function at(file: string, offset: number, first_line = 1) {
  return { file, offset, first_line }
}

describe('SummaryMerger', () => {
  it('adds up lines and severities and leaves out what nobody saw', () => {
    const merger = new SummaryMerger(10)
    merger.add(summary({ lines: 10, severities: { error: 2, none: 8, warn: 0 } }), at('a', 0))
    merger.add(summary({ lines: 5, severities: { error: 1, info: 4 } }), at('b', 0))
    expect(merger.result(10)).toMatchObject({ chunks: 2, lines: 15, severities: { error: 3, none: 8, info: 4 } })
  })

  it('makes one template of the same text and says where its example is in the file', () => {
    const merger = new SummaryMerger(10)
    const known = { template: 'open <*>', severity: 'info' }
    merger.add(summary({ lines: 9, templates: [{ ...known, count: 9, example_line: 3 }] }), at('a', 900, 100))
    merger.add(
      summary({ lines: 8, templates: [{ ...known, severity: 'error', count: 7, example_line: 1 }] }),
      at('a', 0),
    )
    expect(merger.result(10)).toMatchObject({
      templates: [{ template: 'open <*>', severity: 'info', count: 16, example: { file: 'a', line: 102 } }],
      other_lines: 1,
    })
  })

  it('shows the most frequent templates, in an order that does not depend on which chunk came first', () => {
    const one = summary({ lines: 6, templates: ['b', 'a', 'c'].map((template) => ({ template, count: 2 })) })
    const two = summary({ lines: 1, templates: [{ template: 'c', count: 1 }] })
    const orders = [
      [one, two],
      [two, one],
    ].map((order) => {
      const merger = new SummaryMerger(10)
      for (const [index, part] of order.entries()) merger.add(part, at('a', index))
      return merger.result(2)?.templates.map(({ template, count }) => [template, count])
    })
    expect(orders[0]).toEqual([
      ['c', 3],
      ['a', 2],
    ])
    expect(orders[1]).toEqual(orders[0])
  })

  it('keeps the frequent templates and lets the rare ones go when there are too many to keep', () => {
    const merger = new SummaryMerger(5)
    merger.add(summary({ lines: 50, templates: [{ template: 'often', count: 50 }] }), at('a', 0))
    for (let index = 0; index < 1000; index += 1) {
      merger.add(summary({ lines: 1, templates: [{ template: `rare ${index}`, count: 1 }] }), at('a', index + 1))
    }
    merger.add(summary({ lines: 50, templates: [{ template: 'often', count: 50 }] }), at('a', 2000))
    const result = merger.result(100)
    expect(result?.templates[0]).toMatchObject({ template: 'often', count: 100 })
    expect(result?.templates.length).toBeLessThanOrEqual(10)
    expect(result?.lines).toBe(1100)
  })

  it('takes the first and last time from the ends of a file, whatever order its chunks end in', () => {
    const merger = new SummaryMerger(5)
    merger.add(summary({ lines: 1, first: 'Jan 2', last: 'Jan 3' }), at('a', 10))
    merger.add(summary({ lines: 1, first: 'Dec 30', last: 'Jan 1' }), at('a', 0))
    expect(merger.result(5)).toMatchObject({ first: 'Dec 30', last: 'Jan 3' })
  })

  it('says nothing about a time span over files whose times can not be compared', () => {
    const merger = new SummaryMerger(5)
    merger.add(summary({ lines: 1, first: 'Jan 2', last: 'Jan 3' }), at('a', 0))
    merger.add(summary({ lines: 1, first: 'Dec 30', last: 'Jan 1' }), at('b', 0))
    expect(merger.result(5)).toMatchObject({ first: null, last: null })
  })

  it('goes by the files whose times can be compared, whichever comes first', () => {
    for (const files of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const merger = new SummaryMerger(10)
      const times = {
        a: { first: '21 Nov 2026 10:48:01', last: '21 Nov 2026 10:48:50' },
        b: { first: '2026-11-21T10:48:07Z', last: '2026-11-21T10:48:49Z' },
      }
      for (const file of files) merger.add(summary({ lines: 1, ...times[file] }), at(file, 0))
      expect(merger.result(5)).toMatchObject(times.b)
    }
  })

  it('lists what few chunks find odd before what many do', () => {
    const merger = new SummaryMerger(5)
    merger.add(summary({ lines: 1, anomalies: [{ template: 'x', reason: 'rare' }, 'y'] }), at('a', 0))
    merger.add(summary({ lines: 1, anomalies: [{ template: 'x', reason: 'rare' }] }), at('b', 0, 7))
    expect(merger.result(5)?.anomalies.map(({ what, chunks }) => [what, chunks])).toEqual([
      ['y', 1],
      ['x', 2],
    ])
  })

  it('has no result when nothing was added', () => {
    expect(new SummaryMerger(5).result(5)).toBeNull()
  })
})

describe('parseSummary', () => {
  it('reads a summary also from inside a code fence', () => {
    expect(parseSummary('```json\n{"lines":3,"severities":{"error":1}}\n```')).toMatchObject({ lines: 3 })
  })

  it.each(['', 'Three lines.', '{"lines":"3"}', '{"lines":-1}', '[]'])('takes %j for no summary', (text) => {
    expect(parseSummary(text)).toBeNull()
  })
})
