import { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { completion } from '../support/chat-upstream.ts'
import { brokenChats, type Records, wholeChats } from './chat-streams.ts'
import {
  type ClientCall,
  chatStreamReaders,
  chatWaiters,
  type Reading,
  readByAll,
  responseStreamReaders,
  responseWaiters,
  statusOf,
} from './clients.ts'
import { sendRecords } from './replay-server.ts'

/**
 * What official clients make of upstreams whose streams go wrong, or only look odd, behind Sluice: the whole text, or an
 * error. Whatever an upstream mixes in, a client that chokes on it or takes it for the end never sees.
 */
const streams: Readonly<Record<string, Records>> = { ...wholeChats, ...brokenChats }
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    config: { retry: { max_attempts: 1, base_delay: '10ms', max_delay: '10ms' } },
    script: async (call, response) => {
      const records = streams[call.prompt]
      if (call.stream && records) return sendRecords(response, records)
      // Not a stream, and dead in the middle of its answer all the same.
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write(completion('hello').slice(0, 100), () => response.destroy())
    },
  })
})
afterAll(() => broker[Symbol.asyncDispose]())

const callOf = (prompt: string): ClientCall => ({
  baseURL: broker.baseURL,
  apiKey: broker.keys.acme,
  model: 'local',
  prompt,
})

type Readings = Readonly<Record<string, Reading>>

/** Whole, counted and without an error, to every client. */
function expectWhole(readings: Readings): void {
  for (const [client, { text, finish, tokens, error }] of Object.entries(readings)) {
    expect(error, client).toBeNull()
    expect(text, client).toBe('hello')
    expect(finish, client).toMatch(/^(stop|completed)$/)
    expect(tokens, client).toBe(12)
  }
}

/** An error to every client, whatever it has shown until then. */
function expectErrors(readings: Readings): void {
  for (const [client, { text, finish, error }] of Object.entries(readings)) {
    expect(error, client).toBeInstanceOf(Error)
    expect('hello'.startsWith(text), client).toBe(true)
    expect(['stop', 'completed'], client).not.toContain(finish)
  }
}

const surfaces = [
  { surface: 'a chat of an upstream', readers: chatStreamReaders, waiters: chatWaiters },
  { surface: 'a response made of the chat of an upstream', readers: responseStreamReaders, waiters: responseWaiters },
]

describe.each(surfaces)('$surface', ({ readers, waiters }) => {
  it.each(Object.keys(wholeChats))('with %s is whole to every client', async (name) => {
    expectWhole(await readByAll(readers, callOf(name)))
  })

  it.each(Object.keys(brokenChats))('with %s is an error to every client', async (name) => {
    const readings = await readByAll(readers, callOf(name))
    expectErrors(readings)
    for (const client of ['openai', 'openai .stream()', 'langchain'] as const) {
      const { error } = readings[client]
      expect(error).toBeInstanceOf(APIError)
      expect(error).toMatchObject({ code: 'stream_interrupted', type: 'server_error', param: null })
    }
  })

  it('that dies in the middle of an answer in one piece is an error to every client that waits', async () => {
    const readings = await readByAll<string>(waiters, callOf('no stream'))
    expectErrors(readings)
    for (const { error } of Object.values(readings)) expect(statusOf(error)).toBe(502)
  })
})
