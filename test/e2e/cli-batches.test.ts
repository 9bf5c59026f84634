import { tmpdir } from 'node:os'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batchLine, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'
import { runCli } from '../support/cli-process.ts'
import { eventually } from '../support/eventually.ts'

let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme })
})
afterAll(() => broker[Symbol.asyncDispose]())

const batches = (...words: string[]) =>
  runCli(['batches', ...words], {
    cwd: tmpdir(),
    env: { SLUICE_URL: broker.url, SLUICE_API_KEY: broker.keys.acme },
  })

describe('sluice batches', () => {
  it('lists batches, newest first, and shows what is wrong with one', async () => {
    const good = await startBatch(client, [batchLine('a', 'echo: 1'), batchLine('b', 'echo: 2')])
    await untilEnded(client, good.id)
    const bad = await startBatch(client, [batchLine('a', 'echo: 1'), 'nothing'])
    await untilEnded(client, bad.id)

    const { stdout } = await batches('list')
    const shown = stdout.split('\n').filter((line) => line.startsWith('batch_'))
    expect(shown.map((line) => line.split(/\s{2,}/).slice(0, 2))).toEqual([
      [bad.id, 'failed'],
      [good.id, 'completed'],
    ])
    const one = await batches('show', bad.id)
    expect(one.stdout).toMatch(/2\s+invalid_json_line/)
    expect(one.stdout).toMatch(/^ended +\d{4}-/m)
    expect(one.stdout).not.toMatch(/^expires/m)
    const json = JSON.parse((await batches('show', good.id, '--json')).stdout)
    expect(json).toMatchObject({ id: good.id, request_counts: { total: 2, completed: 2, failed: 0 } })
    expect(JSON.parse((await batches('list', '--limit', '1', '--json')).stdout)).toMatchObject({
      data: [{ id: bad.id }],
      has_more: true,
    })
  })

  it('says which subcommands there are to somebody who misspells one', async () => {
    const { exitCode, stderr } = await batches('shwo', 'batch_0')
    expect(exitCode).toBe(2)
    expect(stderr).toContain("unknown command 'shwo'; known are list, show, cancel, help\n")
  })

  it('cancels those that run, and says of others why not', async () => {
    broker.upstream.script = hang
    const { id } = await startBatch(client, [batchLine('a', 'never')])
    const shown = await eventually('it runs', async () => {
      const { stdout } = await batches('show', id)
      return stdout.includes('1 running') && stdout
    })
    expect(shown).toContain('1 running, 0 waiting')
    const cancelled = await batches('cancel', id)
    expect(cancelled).toMatchObject({ exitCode: 0, stdout: `${id}  cancelling\n` })
    expect((await untilEnded(client, id)).status).toBe('cancelled')
    broker.upstream.script = echo
    const ended = await startBatch(client, [batchLine('a', 'echo: 1')])
    await untilEnded(client, ended.id)
    const late = await batches('cancel', ended.id, 'batch_0')
    expect(late.exitCode).toBe(1)
    expect(late.stdout).toContain('it has ended already (completed)')
    expect(late.stdout).toContain('batch_0  No such batch')
  })
})
