import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, refuse } from '../support/chat-upstream.ts'
import { type CliEnd, runCli } from '../support/cli-process.ts'
import { Undertaker } from '../support/dead-letters.ts'
import { paidModels } from '../support/spending.ts'

let broker: TestBroker
let undertaker: Undertaker
beforeAll(async () => {
  broker = await startTestBroker({ models: paidModels })
  undertaker = new Undertaker(broker)
})
afterAll(() => broker[Symbol.asyncDispose]())
beforeEach(async () => {
  await undertaker.clear()
  broker.upstream.script = refuse(400)
})

function deadLetters(...words: string[]): Promise<CliEnd> {
  const env = { SLUICE_URL: broker.url, SLUICE_ADMIN_KEY: broker.adminKey }
  return runCli(['dead-letters', ...words], { cwd: tmpdir(), env })
}

describe('sluice dead-letters', () => {
  it('lists them, filtered, and says how to see more', async () => {
    const ids = [await undertaker.bury('one'), await undertaker.bury('two'), await undertaker.bury('three')]
    const free = await undertaker.bury('four', { model: 'free' })
    const { exitCode, stdout } = await deadLetters('list', '--model', 'paid', '--limit', '2')
    expect(exitCode).toBe(0)
    const rows = stdout.split('\n').filter((line) => line.startsWith('job_'))
    expect(rows.map((line) => line.split(/\s{2,}/)[0])).toEqual([ids[2], ids[1]])
    expect(rows[0]).toMatch(/ unprocessable +upstream_rejected +acme +paid +1 +paid-a/)
    const after = /--after (\S+)/.exec(stdout)?.[1] ?? ''
    const rest = JSON.parse((await deadLetters('list', '--after', after, '--json')).stdout)
    expect(rest).toMatchObject({ has_more: false, data: [{ id: ids[0] }] })
    expect(JSON.parse((await deadLetters('list', '--model', 'free', '--json')).stdout).data).toMatchObject([
      { id: free },
    ])
  })

  it('shows one with its attempts', async () => {
    const id = await undertaker.bury('one')
    const { exitCode, stdout } = await deadLetters('show', id)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^kind +unprocessable$/m)
    expect(stdout).toMatch(/^ +1 {2}paid-a {6}invalid_request +400 +\d+ ms$/m)
    const missing = await deadLetters('show', 'job_nothing')
    expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('No such dead letter') })
  })

  it('says what a replay would cost, and does it when told to', async () => {
    const ids = [await undertaker.bury('one'), await undertaker.bury('two')]
    const dry = await deadLetters('replay', '--kind', 'unprocessable', '--dry-run')
    expect(dry.exitCode).toBe(0)
    expect(dry.stdout).toMatch(new RegExp(`^${ids[1]} +paid +paid-a +\\$0\\.03\\d{4} +\\$0\\.03\\d{4}$`, 'm'))
    expect(dry.stdout).toMatch(/^At most (\$0\.0\d{5}) in all, at each one’s first deployment; \1 at the dearest\.$/m)

    const unsure = await deadLetters('replay', '--all')
    expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--yes') })
    expect((await undertaker.list('?replayed=true')).data).toEqual([])

    broker.upstream.script = echo
    const { exitCode, stdout } = await deadLetters('replay', '--all', '--yes', '--on-model', 'free', '--json')
    expect(exitCode).toBe(0)
    const { data } = JSON.parse(stdout) as { data: { id: string; job: string }[] }
    expect(data.map(({ id }) => id)).toEqual([ids[1], ids[0]])
    for (const { job } of data)
      expect(await undertaker.ended(job)).toMatchObject({ status: 'completed', model: 'free' })
    expect(await deadLetters('replay', '--all', '--yes')).toMatchObject({ exitCode: 0, stdout: 'No dead letters.\n' })
  })

  it('replays by id without asking, and ends in 1 where one is refused', async () => {
    const id = await undertaker.bury('one')
    broker.upstream.script = echo
    const { exitCode, stdout } = await deadLetters('replay', id, 'job_nothing')
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(new RegExp(`^${id}  runs again as job_[0-9a-f]{32}$`, 'm'))
    expect(stdout).toMatch(/^job_nothing {2}No such dead letter\.$/m)
  })

  it('throws away only when told to', async () => {
    const id = await undertaker.bury('one')
    expect((await deadLetters('discard', id)).exitCode).toBe(2)
    expect((await deadLetters('discard', id, '--dry-run')).stdout).toBe(`${id}  would be discarded\n`)
    expect((await undertaker.list()).data).toMatchObject([{ id }])
    expect(await deadLetters('discard', id, '--yes')).toMatchObject({ exitCode: 0, stdout: `${id}  discarded\n` })
    expect((await undertaker.list()).data).toEqual([])
  })

  it('wants to be told which ones, and the operator’s key', async () => {
    expect(await deadLetters('replay')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--all') })
    expect((await deadLetters('replay', 'job_x', '--all')).exitCode).toBe(2)
    const keyless = await runCli(['dead-letters', 'list'], { cwd: tmpdir(), env: { SLUICE_URL: broker.url } })
    expect(keyless).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('SLUICE_ADMIN_KEY') })
  })
})
