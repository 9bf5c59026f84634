import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { expectErrorShape } from '../support/api-errors.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, lastRecords, say } from '../support/chat-upstream.ts'
import { contentOf, dataOf, idOf, isComment, readRecords, typeOf } from '../support/sse-reader.ts'
import { stepwise } from '../support/stepwise-upstream.ts'

/** A stream that breaks can be taken up again at any event, and then holds what it would have held: byte for byte. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

/** What must not be torn apart: characters of several bytes, what looks like a record, empty pieces. */
const pieces = ['Grüße', ' 日本', '語 👩‍👧', '\n\ndata: {}\n\n', '', 'id: 7\n', '\u2028', 'Ende.']
const personal =
  'Ask ada@example.com, bob@example.org or +49 30 901820, card 4111 1111 1111 1111; ada@example.com knows.'
/** `.` would stop at U+2028, which ends no line of a stream. */
const onlyData = /^data: [^\n]+\n\n$/
const maskedPrompt = `echo: ${personal}`

describe('the events of a finished job', () => {
  it.each([
    ['a plain one', 'local', 'x', say(pieces.join(''), pieces), pieces.join('')],
    ['a masked one, restored over split placeholders', 'cloud', maskedPrompt, echo, personal],
    ['one that started over', 'local', 'x', cutOnce(say(pieces.join(''), pieces)), `lost${pieces.join('')}`],
    ['one that had nothing to stream', 'local', 'x', null, ''],
  ])('resume at every sequence number: %s', async (_name, model, prompt, script, content) => {
    if (script) broker.upstream.script = script
    const id = await makeJob(model, prompt, script !== null)
    const ended = await broker.send(`/v1/jobs/${id}?wait=30`)
    expect(await ended.json()).toMatchObject({ status: 'completed' })

    const whole = await recordsOf(await openEvents(id))
    expect(whole.map(idOf)).toEqual(whole.map((_, index) => index + 1))
    expect(whole.map(typeOf).at(-1)).toBe('job.completed')
    expect(contentOf(whole)).toBe(content)
    for (let seen = 0; seen <= whole.length; seen += 1) {
      const head = whole.slice(0, seen).join('')
      for (const resume of [{ lastEventId: seen }, { after: seen }]) {
        const rest = await recordsOf(await openEvents(id, resume))
        expect(head + rest.join(''), JSON.stringify(resume)).toBe(whole.join(''))
      }
    }
  })

  it('come again from the start after a number that never was', async () => {
    const id = await makeJob('local', 'x', false)
    await broker.send(`/v1/jobs/${id}?wait=30`)
    expect(await recordsOf(await openEvents(id, { after: 1_000 }))).toEqual([])
  })

  it('are gone when they have expired, and the job is not', async () => {
    const id = await makeJob('local', 'echo: still there', false)
    await broker.send(`/v1/jobs/${id}?wait=30`)
    await broker.redis.del(`sluice:events:${id}`)
    const events = await openEvents(id)
    expect(events.status).toBe(404)
    expect(expectErrorShape(await events.text()).error).toMatchObject({ code: 'job_not_found', param: 'id' })
    const chat = await broker.send(`/v1/chat/completions/${id}?wait=0`)
    expect(await chat.json()).toMatchObject({ choices: [{ message: { content: 'still there' } }] })
  })
})

describe('the events of a running job', () => {
  it.each([
    ['a plain one', 'local', 'x', pieces, pieces.join('')],
    ['a masked one', 'cloud', maskedPrompt, null, personal],
  ])('resume at every sequence number while they come: %s', async (_name, model, prompt, cuts, content) => {
    const stepped = stepwise(cuts)
    broker.upstream.script = stepped.script
    const before = broker.upstream.calls.length
    const id = await makeJob(model, prompt, true)
    const call = await broker.upstream.callOf(({ number }) => number > before)
    // Queued, in progress, one for each piece, the finish reason, completed.
    const total = stepped.countOf(call.prompt) + 4
    const readers = Array.from({ length: total }, (_, dropAt) => new DroppingReader(id, dropAt))
    const finished = Promise.all(readers.map((reader) => reader.run()))
    // Two events are there before the first piece. Each piece is sent when every reader has seen all before it, and
    // whoever was to drop by then has dropped.
    for (let sequence = 2; !stepped.isDone(); sequence += 1) {
      await Promise.all(readers.map((reader) => reader.untilSeen(sequence)))
      stepped.sendNext()
    }
    await finished

    const [uninterrupted, ...resumed] = readers.map((reader) => reader.records.join(''))
    expect(contentOf(readers[0]?.records ?? [])).toBe(content)
    expect(readers[0]?.records).toHaveLength(total)
    for (const [index, text] of resumed.entries()) expect(text, `dropped at ${index + 1}`).toBe(uninterrupted)
    expect(readers.map(({ drops }) => drops)).toEqual(readers.map((_, dropAt) => (dropAt === 0 ? 0 : 1)))
  })

  it('lose nothing when the connection they are pushed over is cut', async () => {
    const stepped = stepwise(pieces)
    broker.upstream.script = stepped.script
    const id = await makeJob('local', 'x', true)
    const reader = new DroppingReader(id, 0)
    const finished = reader.run()
    for (let sequence = 2; !stepped.isDone(); sequence += 1) {
      await reader.untilSeen(sequence)
      await cutSubscribers()
      stepped.sendNext()
    }
    await finished
    expect(contentOf(reader.records)).toBe(pieces.join(''))
    expect(reader.records.map(idOf)).toEqual(reader.records.map((_, index) => index + 1))
  })
})

describe('a chat stream', () => {
  it('begins before the upstream has said a word, and holds only data and comments', async () => {
    const stepped = stepwise(pieces)
    broker.upstream.script = stepped.script
    const response = await openChat('local', 'x', { stream_options: { include_usage: true } })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(response.headers.get('x-sluice-job-id')).toMatch(/^job_/)
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
    const records = readRecords(response)
    const first = await records.next()
    expect(isComment(first.value ?? '')).toBe(true)
    for (const _ of pieces) stepped.sendNext()

    const rest = await Array.fromAsync(records)
    expect(rest.filter((record) => !isComment(record) && !onlyData.test(record))).toEqual([])
    const data = rest.filter((record) => !isComment(record)).map(dataOf)
    expect(data.pop()).toBe('[DONE]')
    for (const each of data) expect(JSON.parse(each)).toHaveProperty('choices')
    expect(JSON.parse(data.at(-1) ?? '')).toMatchObject({ choices: [], usage: { total_tokens: 12 } })
    expect(contentOf(rest)).toBe(pieces.join(''))
  })

  it('ends with an error and [DONE] when the upstream cuts after the first token, and is not tried again', async () => {
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'half an' }), () => response.destroy())
    }
    const callsBefore = broker.upstream.calls.length
    const records = await recordsOf(await openChat('both', 'cut this'))
    expect(contentOf(records)).toBe('half an')
    expect(dataOf(records.at(-1) ?? '')).toBe('[DONE]')
    const { error } = expectErrorShape(dataOf(records.at(-2) ?? ''))
    expect(error).toMatchObject({ code: 'stream_interrupted', type: 'server_error' })
    expect(broker.upstream.calls.length - callsBefore).toBe(1)
  })

  it('ends with an error and [DONE] when every attempt failed', async () => {
    broker.upstream.script = (_call, response) => void response.writeHead(500).end()
    const records = await recordsOf(await openChat('local', 'x'))
    expect(records).toHaveLength(2)
    expect(expectErrorShape(dataOf(records[0] ?? '')).error.code).toBe('upstream_failed')
    expect(dataOf(records[1] ?? '')).toBe('[DONE]')
  })

  it('passes on a chunk that the upstream wrote over several lines as one record', async () => {
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const pretty = JSON.stringify(JSON.parse(dataOf(chunkRecord({ content: 'one' }))), null, 2)
      response.end(`${pretty.replace(/^/gm, 'data: ')}\n\n${lastRecords()}`)
    }
    const records = await recordsOf(await openChat('local', 'x'))
    expect(records.filter((record) => !onlyData.test(record))).toEqual([])
    expect(contentOf(records)).toBe('one')
  })

  it('loses nothing when the connection it is pushed over is cut', async () => {
    const stepped = stepwise(null)
    broker.upstream.script = stepped.script
    const before = broker.upstream.calls.length
    const response = await openChat('cloud', maskedPrompt)
    await broker.upstream.callOf(({ number }) => number > before)
    while (!stepped.isDone()) {
      await cutSubscribers()
      stepped.sendNext()
    }
    const records = await recordsOf(response)
    expect(contentOf(records)).toBe(personal)
    expect(dataOf(records.at(-1) ?? '')).toBe('[DONE]')
  })

  it('that waits gets its answer when that connection is cut', async () => {
    let release = () => {}
    broker.upstream.script = async (call, response) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return say('after the cut')(call, response)
    }
    const before = broker.upstream.calls.length
    const answer = broker.send('/v1/chat/completions', { json: chatBody('local', 'x') })
    await broker.upstream.callOf(({ number }) => number > before)
    await cutSubscribers()
    release()
    expect(await (await answer).json()).toMatchObject({ choices: [{ message: { content: 'after the cut' } }] })
  })
})

/** Reads a job's events, leaves after event `dropAt` (0: never), and comes back for the rest. */
class DroppingReader {
  readonly records: string[] = []
  drops = 0
  readonly #id: string
  readonly #dropAt: number
  #waiting: { sequence: number; resolve: () => void }[] = []

  constructor(id: string, dropAt: number) {
    this.#id = id
    this.#dropAt = dropAt
  }

  async run(): Promise<void> {
    await this.#readOn({})
    if (this.#dropAt === 0) return
    this.drops += 1
    // Both ways to say where to go on.
    await this.#readOn(this.#dropAt % 2 === 0 ? { after: this.#dropAt } : { lastEventId: this.#dropAt })
  }

  /** Resolves when the event has been read and, where the reader was to leave there, the stream has been left. */
  untilSeen(sequence: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ sequence, resolve })
      this.#tell()
    })
  }

  async #readOn(from: { after?: number; lastEventId?: number }): Promise<void> {
    for await (const record of readRecords(await openEvents(this.#id, from))) {
      if (isComment(record)) continue
      this.records.push(record)
      const mustLeave = this.drops === 0 && idOf(record) === this.#dropAt
      if (mustLeave) break
      this.#tell()
    }
    this.#tell()
  }

  #tell(): void {
    const seen = this.records.length
    for (const { resolve } of this.#waiting.filter(({ sequence }) => sequence <= seen)) resolve()
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence > seen)
  }
}

/** Breaks off the first call after a token, then does what `then` does. */
function cutOnce(then: ChatScript): ChatScript {
  let cut = false
  return (call, response) => {
    if (cut) return then(call, response)
    cut = true
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkRecord({ content: 'lost' }), () => response.destroy())
  }
}

function chatBody(model: string, prompt: string, more: object = {}) {
  return { model, messages: [{ role: 'user', content: prompt }], ...more }
}

function openChat(model: string, prompt: string, more: object = {}): Promise<Response> {
  return broker.send('/v1/chat/completions', { json: chatBody(model, prompt, { stream: true, ...more }) })
}

async function makeJob(model: string, prompt: string, stream: boolean): Promise<string> {
  const { messages } = chatBody(model, prompt)
  const json = { model, input: { endpoint: '/v1/chat/completions', body: { messages, stream } } }
  return ((await (await broker.send('/v1/jobs', { json })).json()) as { id: string }).id
}

function openEvents(id: string, from: { after?: number; lastEventId?: number } = {}): Promise<Response> {
  return broker.send(`/v1/jobs/${id}/events${from.after === undefined ? '' : `?after=${from.after}`}`, {
    headers: from.lastEventId === undefined ? {} : { 'last-event-id': String(from.lastEventId) },
  })
}

async function recordsOf(response: Response): Promise<string[]> {
  const records = await Array.fromAsync(readRecords(response))
  return records.filter((record) => !isComment(record))
}

/** Cuts every connection over which Redis pushes: events to the API, stops to the dispatchers. */
async function cutSubscribers(): Promise<void> {
  const connections = async () => String(await broker.redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).match(/^id=/gm)
  // They may still be on their way back from the last cut.
  await vi.waitFor(async () => expect(await connections()).toHaveLength(3), { timeout: 10_000, interval: 5 })
  expect(await broker.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(3)
}
