import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, lastRecords } from '../support/chat-upstream.ts'

/**
 * What the official client makes of a stream that goes wrong, or only looks odd, at the upstream: read in full, or an
 * error. Whatever an upstream mixes in, a client that takes it for the end or chokes on it never sees.
 */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker({ config: { retry: { max_attempts: 1, base_delay: '10ms', max_delay: '10ms' } } })
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: keyOf('acme'), maxRetries: 0 })
})
afterAll(() => broker[Symbol.asyncDispose]())

const role = chunkRecord({ role: 'assistant', content: '' })
const he = chunkRecord({ content: 'he' })
const llo = chunkRecord({ content: 'llo' })
const good = [role, he, llo, ...lastRecords().split(/(?<=\n\n)/)]
const insert = (record: string, at = 2) => [...good.slice(0, at), record, ...good.slice(at)]
const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const withIds = (records: readonly string[]) => records.map((record, index) => `id: ${index}\n${record}`)
const chunk = (more: object) =>
  data({ id: 'chatcmpl-test', object: 'chat.completion.chunk', created: 1, model: 'm', ...more })
const boom = data({ error: { message: 'boom', type: 'server_error', code: 'provider_unavailable', param: null } })
const cut = Symbol('the connection breaks')

type Case = [name: string, records: readonly (string | typeof cut)[]]

const whole: readonly Case[] = [
  ['nothing odd', good],
  ['a comment first', [': queue position=3\n\n', ...good]],
  ['a comment in the middle', insert(': ping\n\n')],
  ['a comment that ends in one line feed', insert(': ping\n')],
  ['ids', withIds(good)],
  ['ids and a comment', [...withIds(good).slice(0, 2), ': ping\n\n', ...withIds(good).slice(2)]],
  ['retry alone', ['retry: 3000\n\n', ...good]],
  ['retry in a record', [`retry: 3000\n${role}`, ...good.slice(1)]],
  ['empty data', insert('data: \n\n')],
  ['an event without data', insert('event: ping\n\n')],
  ['a named event of another kind', insert('event: broker.queue\ndata: {"position":3}\n\n')],
  ['no choices in the middle', insert(chunk({ choices: [], broker: { queue: { position: 3 } } }))],
  ['no choices first', [chunk({ choices: [], broker: { queue: { position: 3 } } }), ...good]],
  ['an empty delta with more keys', insert(chunk({ choices: [{ index: 0, delta: {}, finish_reason: null }], x: 1 }))],
  [
    'another id and model in the middle',
    insert(chunk({ id: 'other', model: 'm2', choices: [{ index: 0, delta: {}, finish_reason: null }] })),
  ],
  ['no [DONE]', good.slice(0, -1)],
  ['a role again', insert(chunkRecord({ role: 'assistant', content: '' }))],
]

const broken: readonly Case[] = [
  ['an error in the middle', [role, he, boom]],
  ['an error and [DONE]', [role, he, boom, 'data: [DONE]\n\n']],
  ['an error with a name', [role, he, `event: error\n${boom}`]],
  ['an end without a finish reason', [role, he, llo]],
  ['an end without a finish reason, and [DONE]', [role, he, llo, 'data: [DONE]\n\n']],
  ['a connection that breaks', [role, he, cut]],
  ['a record that is cut off', [role, he, llo.slice(0, -8), cut]],
  ['JSON without choices', insert(data({ object: 'broker.queue', position: 3 }))],
  ['a finish reason that is none', [role, he, chunkRecord({}, 'error'), 'data: [DONE]\n\n']],
  ['what is not JSON', [role, he, 'data: {"choices":[\n\n']],
]

function serve(records: readonly (string | typeof cut)[]): void {
  broker.upstream.script = async (_call, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const record of records) {
      if (record === cut) return void response.destroy()
      response.write(record)
      await sleep(15)
    }
    response.end()
  }
}

const request = { model: 'local', messages: [{ role: 'user' as const, content: 'x' }] }

interface Outcome {
  readonly text: string
  readonly finish: string | null
  readonly usage: number | null
  readonly error: unknown
}

async function readRaw(): Promise<Outcome> {
  let text = ''
  let finish: string | null = null
  let usage: number | null = null
  try {
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const each of stream) {
      text += each.choices[0]?.delta.content ?? ''
      finish = each.choices[0]?.finish_reason ?? finish
      usage = each.usage?.total_tokens ?? usage
    }
    return { text, finish, usage, error: null }
  } catch (error) {
    return { text, finish, usage, error }
  }
}

async function readHelper(): Promise<Outcome> {
  try {
    const options = { include_usage: true }
    const completion = await client.chat.completions
      .stream({ ...request, stream_options: options })
      .finalChatCompletion()
    const [choice] = completion.choices
    const usage = completion.usage?.total_tokens ?? null
    return { text: choice?.message.content ?? '', finish: choice?.finish_reason ?? null, usage, error: null }
  } catch (error) {
    return { text: '', finish: null, usage: null, error }
  }
}

describe.each([
  ['read raw', readRaw],
  ['read by its helper', readHelper],
])('an upstream’s stream, %s,', (_name, read) => {
  it.each(whole)('is whole with %s', async (_case, records) => {
    serve(records)
    expect(await read()).toEqual({ text: 'hello', finish: 'stop', usage: 12, error: null })
  })

  it.each(broken)('is an error with %s', async (_case, records) => {
    serve(records)
    const { finish, error } = await read()
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code: 'stream_interrupted', type: 'server_error', param: null })
    expect(finish).toBeNull()
  })
})
