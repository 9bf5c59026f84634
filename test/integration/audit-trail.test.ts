import { cp, mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, echo, refuse } from '../support/chat-upstream.ts'
import { type CliEnd, runCli } from '../support/cli-process.ts'
import { allTime } from '../support/records.ts'
import { callCost, paidModels, Spender } from '../support/spending.ts'

/** What nobody may find in the trail: it tells of jobs, not of what is in them. */
const planted = {
  mail: 'jane.planted@example.org',
  iban: 'DE89 3704 0044 0532 0130 00',
  word: 'zanzibar',
  answer: 'quetzalcoatl',
}

const answer: ChatScript = (call, response) => {
  if (call.prompt.includes('fail')) return refuse(400)(call, response)
  return echo({ ...call, prompt: `echo: ${planted.answer} ${call.prompt}` }, response)
}

interface Entry {
  readonly seq: number
  readonly kind: string
  readonly job: string
  readonly facts: Record<string, unknown>
}

let broker: TestBroker
let jobs: Record<'masked' | 'failed' | 'rejected' | 'poor' | 'plain' | 'streamed', string>
beforeAll(async () => {
  broker = await startTestBroker({
    script: answer,
    models: paidModels,
    config: {
      tenants: {
        acme: { keys: [keyOf('acme')], budgets: [{ usd: 1, per: 'day' }] },
        globex: { keys: [keyOf('globex')], budgets: [{ usd: 0.001, per: 'day', model: 'other' }] },
      },
    },
  })
  const spender = new Spender(broker)
  const run = async (tenant: string, text: string, more: object = {}, body: object = {}) => {
    const id = await spender.submit(tenant, more, { messages: [{ role: 'user', content: text }], ...body })
    await spender.ended(tenant, id)
    return id
  }
  jobs = {
    masked: await run('acme', `Write to ${planted.mail} about ${planted.word}`, { sensitivity: 'internal' }),
    failed: await run('acme', `fail with ${planted.word}`),
    rejected: await run('acme', `Keep ${planted.iban} here`, { sensitivity: 'restricted' }),
    poor: await run('globex', planted.word, { model: 'other' }),
    plain: await run('globex', planted.word, { model: 'free' }),
    streamed: await run('globex', `Pay to ${planted.iban}`, { sensitivity: 'internal' }, { stream: true }),
  }
  await spender.untilRecorded()
})
afterAll(() => broker[Symbol.asyncDispose]())

async function entriesOf(tenant: string, job: string): Promise<Entry[]> {
  const lines = await Array.fromAsync(new FileArchiveReader(broker.config.data_dir).audit(tenant, allTime))
  return lines.map((line) => JSON.parse(line) as Entry).filter((entry) => entry.job === job)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
}

/** Runs `sluice audit verify` on a folder, with what an operator has in the environment. */
function verify(folder: string): Promise<CliEnd> {
  const env = { REDIS_URL: broker.server.url, SLUICE_VAULT_KEY: broker.vaultKey.toString('base64') }
  return runCli(['audit', 'verify', '--data-dir', folder], { cwd: tmpdir(), env })
}

/** Runs it on a copy in which the lines of acme's trail were changed. */
async function verifyAfter(change: (lines: string[]) => string[]): Promise<CliEnd> {
  await using copy = await mkdtempDisposable(path.join(tmpdir(), 'sluice-trail-'))
  await cp(broker.config.data_dir, copy.path, { recursive: true })
  const [file = ''] = await filesBelow(path.join(copy.path, 'audit', 'acme'))
  const text = await readFile(file, 'utf8')
  const lines = text.trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(5)
  await writeFile(file, `${change(lines).join('\n')}\n`)
  return await verify(copy.path)
}

describe('the trail of a run', () => {
  it('says which class a job had and why, what was found and masked, where it went and what it cost', async () => {
    const [decision, attempt, end] = await entriesOf('acme', jobs.masked)
    expect(decision).toMatchObject({
      kind: 'decision',
      facts: {
        asked: 'internal',
        class: 'internal',
        reason: expect.stringMatching(/./),
        found: { EMAIL: 1 },
        masked: { EMAIL: 1 },
        candidates: ['paid-a'],
        reserved: expect.any(Number),
      },
    })
    const cost = { deployment: 'paid-a', pool: 'cloud', outcome: 'completed', cost: callCost }
    expect(attempt).toMatchObject({ kind: 'attempt', facts: { class: 'internal', ...cost } })
    expect(end).toMatchObject({ kind: 'end', facts: { status: 'completed', error: null } })
  })

  it('says how jobs ended that nobody served', async () => {
    const tell = async (tenant: string, job: string) =>
      (await entriesOf(tenant, job)).map(({ kind, facts }) => [kind, facts.candidates ?? facts.outcome ?? facts.error])
    expect(await tell('acme', jobs.rejected)).toEqual([
      ['decision', []],
      ['end', 'no_eligible_deployment'],
    ])
    expect(await tell('globex', jobs.poor)).toEqual([
      ['decision', []],
      ['end', 'budget_exceeded'],
    ])
    expect((await tell('acme', jobs.failed)).map(([kind]) => kind)).toEqual(['decision', 'attempt', 'end'])
  })

  it('tells a job that was not masked from one that was', async () => {
    const [plain] = await entriesOf('globex', jobs.plain)
    expect(plain?.facts).toMatchObject({ found: {}, masked: {}, candidates: ['free-a'] })
    const [streamed] = await entriesOf('globex', jobs.streamed)
    expect(streamed?.facts.masked).toEqual(streamed?.facts.found)
    expect(Object.keys(streamed?.facts.found as object)).toHaveLength(1)
  })

  it('holds nothing of what a job or its answer said, in any file', async () => {
    const files = await filesBelow(broker.config.data_dir)
    expect(files.length).toBeGreaterThan(2)
    for (const file of files) {
      const text = await readFile(file, 'utf8')
      for (const value of [...Object.values(planted), planted.iban.replaceAll(' ', '')])
        expect(text).not.toContain(value)
    }
  })
})

describe('sluice audit verify', () => {
  it('finds nothing wrong with a run', async () => {
    const { exitCode, stdout, stderr } = await verify(broker.config.data_dir)
    expect(exitCode, stderr).toBe(0)
    expect(stdout).toMatch(/^acme: ok, \d+ entries in 1 file,/m)
    expect(stdout).toMatch(/^globex: ok, \d+ entries in 1 file,/m)
    expect(stdout).not.toContain('not checked')
  })

  it('names the entry of which one byte was changed', async () => {
    const { exitCode, stdout, stderr } = await verifyAfter((lines) =>
      lines.map((line, index) => (index === 2 ? line.replace('"completed"', '"complated"') : line)),
    )
    expect(exitCode, stderr).toBe(1)
    expect(stdout).toMatch(/^acme: 1 FOUND/m)
    expect(stdout).toMatch(/^ {2}entry 3: edited/m)
    expect(stdout).toMatch(/^globex: ok/m)
  })

  it('names the entry that was deleted', async () => {
    const { exitCode, stdout, stderr } = await verifyAfter((lines) => lines.toSpliced(3, 1))
    expect(exitCode, stderr).toBe(1)
    expect(stdout).toMatch(/^ {2}entry 4: entry 4 was removed before this line/m)
  })

  it('names the entries that were swapped', async () => {
    const { exitCode, stdout, stderr } = await verifyAfter(([first = '', second = '', third = '', ...rest]) => [
      first,
      third,
      second,
      ...rest,
    ])
    expect(exitCode, stderr).toBe(1)
    expect(stdout).toMatch(/^ {2}entry 2: .* removed before this line/m)
    expect(stdout).toMatch(/^ {2}entry 2: moved or doubled/m)
  })

  it('names the last entry when it was removed, by what Redis knows', async () => {
    const kept: { length?: number } = {}
    const { exitCode, stdout, stderr } = await verifyAfter((lines) => {
      kept.length = lines.length
      return lines.slice(0, -1)
    })
    expect(exitCode, stderr).toBe(1)
    expect(stdout).toMatch(new RegExp(`^ {2}entry ${kept.length}: entry ${kept.length} was removed from the end`, 'm'))
  })
})
