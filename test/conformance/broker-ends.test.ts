import { APIError } from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, hang } from '../support/chat-upstream.ts'
import { readRecords } from '../support/sse-reader.ts'
import { type ClientCall, chatStreamReaders, type Reading, readByAll, responseStreamReaders } from './clients.ts'
import { startFront } from './front.ts'

/** How official clients read streams whose ends, and whose waits, are Sluice's own. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    models: {
      local: [{ id: 'studio-a', pool: 'studio', concurrency: 16 }],
      narrow: [{ id: 'studio-n', pool: 'studio', concurrency: 1 }],
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const callOf = (prompt: string, more: Partial<ClientCall> = {}): ClientCall => ({
  baseURL: broker.baseURL,
  apiKey: broker.keys.acme,
  model: 'local',
  prompt,
  ...more,
})
const surfaces = [
  ['chat', chatStreamReaders],
  ['response', responseStreamReaders],
] as const

/** Says `hel`, and no more. */
const begin: ChatScript = (_call, response) => {
  response
    .writeHead(200, { 'content-type': 'text/event-stream' })
    .write(chunkRecord({ role: 'assistant', content: 'hel' }))
}

/** Resolves when the model is at work for every client. */
const atWork = (prompt: string, clients: number) =>
  vi.waitFor(() => {
    expect(broker.upstream.calls.filter((call) => call.prompt === prompt)).toHaveLength(clients)
  }, 10_000)

/** Cancels all jobs of the tenant that have not ended. */
async function cancelAll(): Promise<void> {
  const { data } = (await (await broker.send('/v1/jobs?status=in_progress&limit=100')).json()) as {
    data: { id: string }[]
  }
  for (const { id } of data) await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
}

/** An error to every client, that shows no more than `text` before. */
function expectErrors(readings: Readonly<Record<string, Reading>>, expected: { text: string; code: string }): void {
  for (const [client, { text, error }] of Object.entries(readings)) {
    expect(error, client).toBeInstanceOf(Error)
    expect(expected.text.startsWith(text), client).toBe(true)
    // Vercel's errors of a stream have no code of their own.
    if (client.startsWith('ai,')) continue
    expect(error, client).toBeInstanceOf(APIError)
    expect(error, client).toMatchObject({ code: expected.code })
  }
}

describe.each(surfaces)('the stream of a %s', (surface, readers) => {
  const clients = Object.keys(readers).length

  it('that is cancelled in the middle is an error to every client', async () => {
    broker.upstream.script = begin
    const prompt = `cancel the ${surface}`
    const reading = readByAll<string>(readers, callOf(prompt))
    await atWork(prompt, clients)
    await cancelAll()
    expectErrors(await reading, { text: 'hel', code: 'job_cancelled' })
  })

  it('whose connection is lost in the middle is an error to every client', async () => {
    broker.upstream.script = begin
    await using front = await startFront(broker.url)
    const prompt = `lose the ${surface}`
    const reading = readByAll<string>(readers, callOf(prompt, { baseURL: front.baseUrlOf(surface) }))
    await atWork(prompt, clients)
    front.cut(surface)
    for (const [client, { text, error }] of Object.entries(await reading)) {
      expect(error, client).toBeInstanceOf(Error)
      expect('hel'.startsWith(text), client).toBe(true)
    }
    await cancelAll()
  })

  it('whose deadline passes in the queue is an error to every client', async () => {
    broker.upstream.script = hang
    const first = callOf(`in front of the ${surface}`, { model: 'narrow' })
    const stop = new AbortController()
    const json = { model: first.model, messages: [{ role: 'user', content: first.prompt }], stream: true }
    const held = await broker.send('/v1/chat/completions', { json, signal: stop.signal })
    await broker.upstream.callOf(({ prompt }) => prompt === first.prompt)
    const late = callOf(`late ${surface}`, { model: 'narrow', headers: { 'x-sluice-deadline': '1' } })
    expectErrors(await readByAll<string>(readers, late), { text: '', code: 'deadline_exceeded' })
    expect(broker.upstream.calls.filter(({ prompt }) => prompt === late.prompt)).toEqual([])
    stop.abort()
    await held.text().catch(() => null)
  })

  it('that waits for its turn is whole to every client', async () => {
    const turn = Promise.withResolvers<void>()
    const before = `echo: before the ${surface}`
    broker.upstream.script = async (call, response) => {
      if (call.prompt === before) await turn.promise
      return echo(call, response)
    }
    const ask = (input: string) => broker.send('/v1/responses', { json: { model: 'narrow', input, stream: true } })
    const first = await ask(before)
    await broker.upstream.callOf(({ prompt }) => prompt === before)
    const reading = readByAll<string>(readers, callOf('echo: my turn', { model: 'narrow' }))
    // All of them are told of their places at the same times as this one.
    for await (const record of readRecords(await ask('echo: beside'))) {
      if (record.includes('"sluice":{"queue"')) turn.resolve()
    }
    await first.text()
    for (const [client, { text, error }] of Object.entries(await reading)) {
      expect(error, client).toBeNull()
      expect(text, client).toBe('my turn')
    }
  })
})
