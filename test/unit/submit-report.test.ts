import { describe, expect, it } from 'vitest'
import { buildReport, formatReport } from '../../src/cli/submit/report.ts'
import type { ResultLine } from '../../src/cli/submit/result-line.ts'
import { Tally } from '../../src/cli/submit/tally.ts'

function line(offset: number, fields: Partial<ResultLine> = {}): ResultLine {
  return {
    custom_id: `a.log@${offset}`,
    file: 'a.log',
    offset,
    bytes: 100,
    first_line: 1,
    lines: 10,
    sha256: 'x',
    question: 'q',
    job_id: `job_${offset}`,
    status: 'completed',
    usage: { prompt_tokens: 30, completion_tokens: 5, total_tokens: 35 },
    ...fields,
  }
}

function answer(summary: object): Partial<ResultLine> {
  return { result_text: JSON.stringify(summary) }
}

const run = { model: 'm', outcome: 'completed', out: 'out.jsonl', durationMs: 2_000 } as const

describe('the report', () => {
  it('says of failures what the attempts came to, however long what goes before them is', () => {
    const tally = new Tally(true)
    const message = `${'Words. '.repeat(20)}No answer after 1 attempt: cloud-mini: auth (401).`
    tally.addResult(line(0, { status: 'failed', error: { code: 'upstream_failed', message } }))
    expect(formatReport(buildReport(tally, run))).toContain('cloud-mini: auth (401).')
  })

  it('adds up this run and those before it, and knows them apart', () => {
    const tally = new Tally(true)
    tally.addHeld(line(0, answer({ lines: 10, severities: { error: 1 } })))
    tally.addHeld(line(100, { status: 'failed', error: { code: 'upstream_failed', message: 'no luck' } }))
    tally.addResult(line(200, answer({ lines: 10, severities: { error: 2, info: 8 } })))
    tally.addResult(line(300, { ...answer({ lines: 9, severities: {} }), file: 'b.log', cost_usd: 0.25 }))
    const report = buildReport(tally, run)
    expect(report).toMatchObject({
      jobs: { completed: 3, failed: 1, from_earlier_runs: 2 },
      jobs_per_second: 1,
      bytes: 400,
      lines: 40,
      usage: { prompt_tokens: 120, completion_tokens: 20, total_tokens: 140 },
      cost_usd: 0.25,
      errors: { upstream_failed: { count: 1, example: 'a.log@100', message: 'no luck' } },
      summary: { lines: 29, severities: { error: 3, info: 8 } },
    })
    expect(report.files).toMatchObject([
      { file: 'a.log', jobs: 3, failed: 1, lines: 30, summary: { lines: 20 } },
      { file: 'b.log', jobs: 1, failed: 0, lines: 10, summary: { lines: 9 } },
    ])
  })

  it('says how many answers have no summary that can be read, and merges none where none was asked for', () => {
    const asked = new Tally(true)
    asked.addResult(line(0, { result_text: 'It looks fine.' }))
    expect(buildReport(asked, run)).toMatchObject({ answers_without_summary: 1, summary: null })
    const notAsked = new Tally(false)
    notAsked.addResult(line(0, answer({ lines: 10, severities: {} })))
    expect(buildReport(notAsked, run)).toMatchObject({ answers_without_summary: 0, summary: null })
  })

  it('shows nothing of a log that would do something to a terminal', () => {
    const tally = new Tally(true)
    const template = 'open \u001b[2J\u001b]0;title\u0007 \u009b31m <*>'
    tally.addResult(line(0, answer({ lines: 1, severities: {}, templates: [{ template, count: 1 }] })))
    tally.addResult(line(1, { status: 'failed', error: { code: 'x', message: 'bad\u001b[1mnews' } }))
    const text = formatReport(buildReport(tally, run))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(text).toContain('badnews')
  })
})
