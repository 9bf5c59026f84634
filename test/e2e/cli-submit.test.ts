import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Report } from '../../src/cli/submit/report.ts'
import type { ResultLine } from '../../src/cli/submit/result-line.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import type { ChatScript } from '../support/chat-upstream.ts'
import { completion, refuse } from '../support/chat-upstream.ts'
import { type CliEnd, type CliProcess, runCli, startCli } from '../support/cli-process.ts'
import { startCuttableProxy } from '../support/cuttable-proxy.ts'
import { eventually } from '../support/eventually.ts'

/** Summarises as an honest model would: every line is one of severity `info`. */
const summarize: ChatScript = (call, response) => {
  const lines = call.prompt.split('\n').length - 1
  const summary = {
    lines,
    severities: { info: lines, error: 0 },
    templates: [{ template: 'line <*>', count: lines, severity: 'info', example_line: 1 }],
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(completion(JSON.stringify(summary)))
}

/** The same, but only for so many calls; the others wait until `release`. */
function summarizeAtMost(calls: number): { script: ChatScript; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let answered = 0
  return {
    release: resolve,
    script: async (call, response) => {
      answered += 1
      if (answered > calls) await promise
      await summarize(call, response)
    },
  }
}

let broker: TestBroker
let folder: string

beforeAll(async () => {
  broker = await startTestBroker({ script: summarize })
})

afterAll(() => broker[Symbol.asyncDispose]())

beforeEach(async () => {
  broker.upstream.script = summarize
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-submit-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

let files = 0

/** A log that no other test has, so that no other test's jobs are attached to. */
async function writeLog(lines: number): Promise<string> {
  files += 1
  const name = `log-${files}.log`
  const numbered = Array.from({ length: lines }, (_, index) => `2026-01-01T00:00:00Z INFO line ${files}-${index}\n`)
  await writeFile(path.join(folder, name), numbered.join(''))
  return name
}

function environment(url = broker.url) {
  return { SLUICE_URL: url, SLUICE_API_KEY: broker.keys.acme }
}

function start(words: readonly string[], options: { url?: string; stdin?: string } = {}): CliProcess {
  const { url, ...rest } = options
  return startCli(['submit', '--model', 'local', '--chunk-bytes', '300', ...words], {
    cwd: folder,
    env: environment(url),
    ...rest,
  })
}

function submit(words: readonly string[], options: { url?: string; stdin?: string } = {}): Promise<CliEnd> {
  return start(words, options).ended
}

async function readResults(name = 'out.jsonl'): Promise<ResultLine[]> {
  const text = await readFile(path.join(folder, name), 'utf8').catch(() => '')
  const whole = text.split('\n').slice(0, -1)
  return whole.map((line) => JSON.parse(line) as ResultLine).sort((a, b) => a.offset - b.offset)
}

/** What upstreams were asked about this log, each prompt as often as it came. */
function promptsOf(log: string): string[] {
  const mark = `line ${/\d+/.exec(log)?.[0]}-`
  return broker.upstream.calls.map((call) => call.prompt).filter((prompt) => prompt.includes(mark))
}

async function expectWhole(log: string, results: readonly ResultLine[]): Promise<void> {
  const content = await readFile(path.join(folder, log), 'utf8')
  let end = 0
  for (const { offset, bytes, status } of results) {
    expect({ offset, status }).toEqual({ offset: end, status: 'completed' })
    end += bytes
  }
  expect(end).toBe(Buffer.byteLength(content))
}

describe('sluice submit', () => {
  it('keeps an answer for every part of every file and adds the summaries up', async () => {
    const logs = [await writeLog(40), await writeLog(3)]
    const { exitCode, stdout } = await submit(['--file', 'log-*.log', '--out', 'out.jsonl', '--json'])
    expect(exitCode).toBe(0)
    const report = JSON.parse(stdout) as Report
    const results = await readResults()
    for (const log of logs)
      await expectWhole(
        log,
        results.filter(({ file }) => file === log),
      )
    expect(report).toMatchObject({
      outcome: 'completed',
      jobs: { completed: results.length, failed: 0, left_open: 0 },
      lines: 43,
      out: 'out.jsonl',
      usage: { total_tokens: 12 * results.length },
      summary: { lines: 43, severities: { info: 43 }, templates: [{ template: 'line <*>', count: 43 }] },
    })
    expect(report.files.map(({ file, summary }) => [file, summary?.lines])).toEqual([
      [logs[0], 40],
      [logs[1], 3],
    ])
  })

  it('tells a person what came of it, and nothing but that on stdout', async () => {
    await writeLog(20)
    const { stdout, stderr } = await submit(['--file', 'log-*.log', '--out', 'out.jsonl'])
    expect(stdout).toMatch(/^jobs {5}\d+ completed, 0 failed$/m)
    expect(stdout).toMatch(/^results {2}out\.jsonl$/m)
    expect(stdout).toContain('Summary of 20 lines: info 20')
    expect(stderr).toBe('')
  })

  it('stops at Ctrl-C with the command that does the rest, and that command asks for nothing twice', async () => {
    const log = await writeLog(60)
    const { script, release } = summarizeAtMost(5)
    broker.upstream.script = script
    const first = start(['--file', log, '--out', 'out.jsonl', '--concurrency', '4'])
    await eventually('five results', async () => (await readResults()).length >= 5)
    first.child.kill('SIGINT')
    const stopped = await first.ended
    expect(stopped.exitCode).toBe(130)
    expect((await readResults()).length).toBe(5)
    release()

    const command = stopped.stderr.trimEnd().split('\n').at(-1)?.trim() ?? ''
    const second = await runCli([], { cwd: folder, env: environment(), shell: command })
    expect(second.exitCode).toBe(0)
    expect(second.stdout).toContain('5 of them by earlier runs')
    await expectWhole(log, await readResults())
    const prompts = promptsOf(log)
    expect(new Set(prompts).size).toBe(prompts.length)
  })

  it('goes on after a kill in the middle of a line, and asks for nothing twice', async () => {
    const log = await writeLog(60)
    const { script, release } = summarizeAtMost(7)
    broker.upstream.script = script
    const words = ['--file', log, '--out', 'out.jsonl', '--concurrency', '4']
    const first = start(words)
    await eventually('seven results', async () => (await readResults()).length >= 7)
    first.child.kill('SIGKILL')
    await first.ended
    release()
    const out = path.join(folder, 'out.jsonl')
    await writeFile(out, (await readFile(out)).subarray(0, -20))

    expect((await submit([...words, '--resume'])).exitCode).toBe(0)
    await expectWhole(log, await readResults())
    const prompts = promptsOf(log)
    expect(new Set(prompts).size).toBe(prompts.length)
  })

  it('sends only what is new of a file that has grown', async () => {
    const log = await writeLog(20)
    await submit(['--file', log, '--out', 'out.jsonl'])
    const before = promptsOf(log).length
    await writeFile(path.join(folder, log), `INFO line ${/\d+/.exec(log)?.[0]}-new\n`, { flag: 'a' })
    expect((await submit(['--file', log, '--out', 'out.jsonl', '--resume'])).exitCode).toBe(0)
    expect(promptsOf(log).length).toBe(before + 1)
    await expectWhole(log, await readResults())
  })

  it('keeps what fails as failed lines, and tries them again only when told to', async () => {
    const log = await writeLog(20)
    let calls = 0
    broker.upstream.script = (call, response) => {
      calls += 1
      return calls <= 2 ? refuse(400)(call, response) : summarize(call, response)
    }
    const first = await submit(['--file', log, '--out', 'out.jsonl', '--concurrency', '1'])
    expect(first.exitCode).toBe(1)
    expect(first.stdout).toMatch(/^ +2 {2}upstream_rejected/m)
    expect((await readResults()).filter(({ status }) => status === 'failed')).toHaveLength(2)

    const again = await submit(['--file', log, '--out', 'out.jsonl', '--resume'])
    expect(again.exitCode).toBe(1)
    const retried = await submit(['--file', log, '--out', 'out.jsonl', '--resume', '--retry-failed'])
    expect(retried.exitCode).toBe(0)
    await expectWhole(log, await readResults())
  })

  it('says that the connection is lost, comes back by itself and asks for nothing twice', async () => {
    const log = await writeLog(60)
    const { script, release } = summarizeAtMost(5)
    broker.upstream.script = script
    await using proxy = await startCuttableProxy(broker.url)
    const run = start(['--file', log, '--out', 'out.jsonl', '--concurrency', '4'], { url: proxy.url })
    await eventually('five results', async () => (await readResults()).length >= 5)
    let notes = ''
    run.child.stderr?.on('data', (piece) => {
      notes += piece
    })
    proxy.cut()
    await eventually('a note about the connection', () => notes.includes('no connection to'))
    proxy.mend()
    release()
    const { exitCode, stderr } = await run.ended
    expect(exitCode).toBe(0)
    expect(stderr).toContain('connected again after')
    await expectWhole(log, await readResults())
    const prompts = promptsOf(log)
    expect(new Set(prompts).size).toBe(prompts.length)
  })

  it('outlives a restart of Redis', async () => {
    const log = await writeLog(60)
    const { script, release } = summarizeAtMost(5)
    broker.upstream.script = script
    const run = start(['--file', log, '--out', 'out.jsonl', '--concurrency', '4'])
    await eventually('five results', async () => (await readResults()).length >= 5)
    await broker.server.restart()
    release()
    expect((await run.ended).exitCode).toBe(0)
    await expectWhole(log, await readResults())
  }, 60_000)

  it('reads stdin and prints answers to questions in words', async () => {
    broker.upstream.script = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion('All is well.'))
    }
    const { exitCode, stdout } = await submit(['--prompt', 'What went wrong?'], { stdin: 'INFO one\nINFO two' })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('== stdin, 2 lines from byte 0\nAll is well.\n')
  })

  it('says what it can not read and does the rest', async () => {
    const log = await writeLog(5)
    await submit(['--file', log, '--out', 'out.jsonl'])
    await writeFile(path.join(folder, log), 'something else\n')
    const other = await writeLog(5)
    const { exitCode, stdout } = await submit(['--file', log, other, '--out', 'out.jsonl', '--resume'])
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(new RegExp(`^${log} +changed since`, 'm'))
    expect((await readResults()).filter(({ file }) => file === other)).toHaveLength(1)
  })

  it('leaves nothing in the way when nothing could be done', async () => {
    const log = await writeLog(5)
    const { exitCode, stderr } = await submit(['--file', log, '--out', 'out.jsonl', '--model', 'nobody'])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^error: .*\[model_not_found\]$/m)
    expect(await readdir(folder)).toEqual([log])
  })

  it.each([
    [
      'a results file that exists',
      ['--file', 'log-*.log', '--out', 'there.jsonl'],
      /there\.jsonl exists\. Add --resume/,
    ],
    ['a pattern that means no file', ['--file', 'nothing-*.log'], /No file matches "nothing-\*\.log"/],
    ['a folder', ['--file', '.'], /is a folder/],
    ['--resume without a results file', ['--file', 'log-*.log', '--resume'], /--out FILE/],
    ['a chunk size that is none', ['--file', 'log-*.log', '--chunk-bytes', 'big'], /Expected a size/],
    ['a priority that is none', ['--file', 'log-*.log', '--priority', 'soon'], /interactive, standard, batch/],
  ])('refuses %s with exit code 2 and sends nothing', async (_, words, message) => {
    const log = await writeLog(5)
    await writeFile(path.join(folder, 'there.jsonl'), '')
    const { exitCode, stderr } = await submit(words)
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
    expect(promptsOf(log)).toEqual([])
  })

  it('refuses to mix answers to different questions', async () => {
    const log = await writeLog(5)
    await submit(['--file', log, '--out', 'out.jsonl'])
    const { exitCode, stderr } = await submit(['--file', log, '--out', 'out.jsonl', '--resume', '--prompt', 'Why?'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/another model, prompt or response format/)
  })
})
