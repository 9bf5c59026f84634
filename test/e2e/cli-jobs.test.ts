import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, echo, hang, lastRecords } from '../support/chat-upstream.ts'
import { type CliEnd, runCli, startCli } from '../support/cli-process.ts'
import { startCuttableProxy } from '../support/cuttable-proxy.ts'
import { eventually } from '../support/eventually.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker()
})

afterAll(() => broker[Symbol.asyncDispose]())

beforeEach(() => {
  broker.upstream.script = echo
})

function options(url = broker.url) {
  return { cwd: tmpdir(), env: { SLUICE_URL: url, SLUICE_API_KEY: broker.keys.acme } }
}

function jobs(...words: string[]): Promise<CliEnd> {
  return runCli(['jobs', ...words], options())
}

/** Makes a job and returns its id. */
async function makeJob(content: string, body: object = {}): Promise<string> {
  const input = { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content }], ...body } }
  const response = await broker.send('/v1/jobs', { json: { model: 'local', input } })
  const { id } = (await response.json()) as { id: string }
  return id
}

async function finishJob(content: string): Promise<string> {
  const id = await makeJob(content)
  await broker.send(`/v1/jobs/${id}?wait=20`)
  return id
}

describe('sluice jobs', () => {
  it('lists jobs, newest first, and says how to see more', async () => {
    const ids = [await finishJob('echo: 1'), await finishJob('echo: 2'), await finishJob('echo: 3')]
    const table = await jobs('list', '--limit', '2')
    const shown = table.stdout.split('\n').filter((line) => line.startsWith('job_'))
    expect(shown.map((line) => line.split(/\s{2,}/).slice(0, 3))).toEqual([
      [ids[2], 'completed', 'local'],
      [ids[1], 'completed', 'local'],
    ])
    expect(table.stdout).toContain(`--after ${ids[1]}`)

    const rest = JSON.parse((await jobs('list', '--after', ids[1] ?? '', '--limit', '1', '--json')).stdout)
    expect(rest.data.map((job: { id: string }) => job.id)).toEqual([ids[0]])
  })

  it('shows a job with its attempts and its answer', async () => {
    const id = await finishJob('echo: forty-two')
    const { exitCode, stdout } = await jobs('get', id)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`^job +${id}$`, 'm'))
    expect(stdout).toMatch(/^ +1 {2}studio-a {4}completed/m)
    expect(stdout.trimEnd().endsWith('\nforty-two')).toBe(true)
    expect(JSON.parse((await jobs('get', id, '--json')).stdout)).toMatchObject({ id, status: 'completed' })
  })

  it('waits for the end of a job when told to', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      await echo(call, response)
    }
    const id = await makeJob('echo: late')
    const getting = jobs('get', id, '--wait', '20', '--json')
    await broker.upstream.callOf((call) => call.prompt === 'echo: late')
    resolve()
    expect(JSON.parse((await getting).stdout)).toMatchObject({ status: 'completed' })
  })

  it('cancels what has not ended and says what it could not cancel', async () => {
    const done = await finishJob('echo: done')
    broker.upstream.script = hang
    const open = await makeJob('never')
    const { exitCode, stdout } = await jobs('cancel', open, done, 'job_nothing')
    expect(stdout).toMatch(new RegExp(`^${open}  cancel`, 'm'))
    expect(stdout).toContain(`${done}  not cancelled: it has ended already (completed)`)
    expect(stdout).toContain('job_nothing  No such job')
    expect(exitCode).toBe(1)
    await eventually('the job is cancelled', async () => {
      const answer = await broker.send(`/v1/jobs/${open}`)
      return ((await answer.json()) as { status: string }).status === 'cancelled'
    })
  })

  it('prints the events of a job until it ends', async () => {
    const id = await finishJob('echo: hi')
    const { exitCode, stdout } = await jobs('events', id)
    expect(exitCode).toBe(0)
    const types = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[1])
    expect(types[0]).toBe('job.queued')
    expect(types.at(-1)).toBe('job.completed')
  })

  it('follows a job over lost connections without losing or repeating an event', async () => {
    const pieces = Array.from({ length: 30 }, (_, index) => `${index} `)
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const [index, content] of pieces.entries()) {
        if (index === 15) await promise
        response.write(chunkRecord({ content }))
      }
      response.end(lastRecords())
    }
    await using proxy = await startCuttableProxy(broker.url)
    const id = await makeJob('count', { stream: true })
    const { child, ended } = startCli(['jobs', 'events', id, '--json'], options(proxy.url))
    let seen = ''
    child.stdout?.on('data', (piece) => {
      seen += piece
    })
    await eventually('the first half', () => seen.includes('14 '))
    proxy.cut()
    resolve()
    await broker.send(`/v1/jobs/${id}?wait=20`)
    proxy.mend()
    const { exitCode, stdout } = await ended
    expect(exitCode).toBe(0)
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map((event) => Number(event.id))).toEqual(events.map((_, index) => index + 1))
    const text = events
      .filter((event) => event.event === 'output.delta')
      .map((event) => event.data.choices[0]?.delta?.content ?? '')
    expect(text.join('')).toBe(pieces.join(''))
    expect(proxy.connections).toBeGreaterThan(1)
  })

  it('has nothing to print after the last event, and ends', async () => {
    const id = await finishJob('echo: hi')
    expect(await jobs('events', id, '--after', '999')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  })

  it.each([['get'], ['events']])('fails on a job that does not exist: %s', async (command) => {
    const { exitCode, stderr } = await jobs(command, 'job_nothing')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/\[job_not_found\]/)
  })
})
