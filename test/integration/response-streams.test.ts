import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectApiError } from '../support/api-errors.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, lastRecords } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { eventsIn, idIn, jobOf, recordsOf, responseCalls, saidIn, shown, textOf } from '../support/response-calls.ts'
import { isComment, readRecords, typeOf } from '../support/sse-reader.ts'

/** What Sluice promises of the streams of responses, and of those who leave them. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      narrow: [{ id: 'studio-c', pool: 'studio', concurrency: 1 }],
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const { create, read, ended } = responseCalls(() => broker)

describe('the stream of a response', () => {
  it('is the same bytes whenever it is read, from any number on', async () => {
    const made = await create({ input: 'echo: Grüße, 日本語, 👩‍👧 and some more', stream: true })
    const id = idIn(made)
    const whole = await recordsOf(made)
    eventsIn(whole)
    for (let after = -1; after < whole.length; after += 1) {
      const query = `stream=true&starting_after=${after}`
      expect(await recordsOf(await read(`${id}?${query}`))).toEqual(whole.slice(after + 1))
    }
  })

  it('begins with a comment, and has none of the lines that break a client', async () => {
    const answer = await create({ input: 'echo: x', stream: true })
    const text = await answer.text()
    expect(text.startsWith(': ')).toBe(true)
    expect(text).not.toMatch(/^(?:id|retry):/m)
    expect(text).not.toMatch(/^data: *$/m)
    expect(text.match(/^event: /gm)).toHaveLength(text.match(/^data: /gm)?.length ?? 0)
    expect(/^event: (\S+)/m.exec(text)?.[1]).toBe('response.created')
  })

  it('says where the response stands while it waits, the same to whoever reads it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      return echo(call, response)
    }
    const first = await shown(await create({ model: 'narrow', input: 'echo: first', background: true }))
    await broker.upstream.callOf(({ deployment }) => deployment === 'studio-c')
    const made = await create({ model: 'narrow', input: 'echo: second', stream: true })
    const records: string[] = []
    for await (const record of readRecords(made)) {
      if (isComment(record)) continue
      records.push(record)
      if (record.includes('"sluice"')) resolve()
    }
    const events = eventsIn(records)
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    const places = events.filter(({ type }) => type === 'response.queued').slice(1)
    expect(places[0]).toMatchObject({ response: { status: 'queued', sluice: { queue: { position: 1 } } } })
    expect(saidIn(events)).toBe('second')
    const id = idIn(made)
    expect(await recordsOf(await read(`${id}?stream=true`))).toEqual(records)
    expect(textOf(await ended(first.id))).toBe('first')
  })

  it('goes on when Redis was away for a while', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script: ChatScript = async (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'before' }))
      await promise
      response.end(chunkRecord({ content: ' after' }) + lastRecords())
    }
    // It takes a while until all roles are back.
    await using own = await startTestBroker({ script })
    const records: string[] = []
    for await (const record of readRecords(
      await own.send('/v1/responses', { json: { model: 'local', input: 'x', stream: true } }),
    )) {
      if (isComment(record)) continue
      records.push(record)
      if (typeOf(record) !== 'response.output_text.delta' || records.length > 6) continue
      const back = own.server.restart()
      resolve()
      await back
    }
    const events = eventsIn(records)
    expect(saidIn(events)).toBe('before after')
    expect(events.at(-1)?.type).toBe('response.completed')
  })

  it('cannot be read when its events have expired, and the response can', async () => {
    const { id } = await shown(await create({ input: 'echo: still there' }))
    await broker.redis.del(`sluice:events:${jobOf(id)}`)
    await expectApiError(await read(`${id}?stream=true`), { status: 400, code: 'invalid_request', param: 'stream' })
    expect(textOf(await shown(await read(id)))).toBe('still there')
  })

  it('takes a number to start after only where there is a stream', async () => {
    const { id } = await shown(await create({ input: 'echo: x' }))
    await expectApiError(await read(`${id}?starting_after=3`), {
      status: 400,
      code: 'invalid_request',
      param: 'starting_after',
    })
    await expectApiError(await read(`${id}?stream=true&starting_after=-2`), {
      status: 400,
      code: 'invalid_request',
      param: 'starting_after',
    })
  })
})

describe('a reader that hangs up', () => {
  async function leaveStream(json: object): Promise<{ id: string; job: string }> {
    const controller = new AbortController()
    const answer = await create({ ...json, stream: true }, { signal: controller.signal })
    const job = answer.headers.get('x-sluice-job-id') ?? ''
    for await (const record of readRecords(answer)) if (typeOf(record) === 'response.output_text.delta') break
    controller.abort()
    return { id: job.replace('job_', 'resp_'), job }
  }
  function halfway(): { script: ChatScript; goOn: () => void } {
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    const script: ChatScript = async (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'half' }))
      await promise
      response.end(chunkRecord({ content: ' whole' }) + lastRecords())
    }
    return { script, goOn }
  }

  it('ends a response that is not stored, and leaves at work one that is stored or in the background', async () => {
    const { script, goOn } = halfway()
    broker.upstream.script = script
    const stored = await leaveStream({ input: 'x' })
    const background = await leaveStream({ input: 'x', background: true, store: false })
    // It is left last, so when it has ended it is known what becomes of the others.
    const { job } = await leaveStream({ input: 'x', store: false })
    await eventually('it is cancelled', async () => {
      const { status } = (await (await broker.send(`/v1/jobs/${job}`)).json()) as { status: string }
      return status === 'cancelled'
    })
    goOn()
    for (const { id } of [stored, background]) expect(textOf(await ended(id))).toBe('half whole')
  })
})
