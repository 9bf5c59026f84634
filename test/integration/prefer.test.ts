import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jobObject } from '../../src/http/schemas.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { completion, echo, hang, say } from '../support/chat-upstream.ts'
import { contentOf, readRecords } from '../support/sse-reader.ts'

/** Calls whose client would rather have a job than wait. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const messages = [{ role: 'user', content: 'echo: five' }]
const chat = (prefer: string | null, more: object = {}, options: SendOptions = {}) =>
  broker.send('/v1/chat/completions', {
    json: { model: 'local', messages, ...more },
    ...options,
    headers: { ...(prefer !== null && { prefer }), ...options.headers },
  })

async function expectJob(response: Response, applied: string) {
  expect(response.status).toBe(202)
  expect(response.headers.get('preference-applied')).toBe(applied)
  const job = jobObject.parse(await response.json())
  expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`)
  expect(response.headers.get('x-sluice-job-id')).toBe(job.id)
  return job
}

describe('Prefer', () => {
  it.each(['wait=30', 'Wait = 30; foo=bar', 'respond-async, wait=30', 'handling=lenient, wait="30"'])(
    '%s gives the answer that is there in time',
    async (prefer) => {
      const response = await chat(prefer)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'five' } }] })
    },
  )

  it.each([
    ['wait=0', 'wait=0'],
    ['wait=1', 'wait=1'],
    ['respond-async, wait=1', 'respond-async, wait=1'],
    ['respond-async', 'respond-async'],
  ])('%s gives the job when it is not', async (prefer, applied) => {
    broker.upstream.script = hang
    const job = await expectJob(await chat(prefer), applied)
    expect(['queued', 'in_progress']).toContain(job.status)
    expect(job).toMatchObject({ model: 'local', endpoint: '/v1/chat/completions', result: null })
    await broker.send(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })
  })

  it('respond-async leaves a job that goes on by itself and has the answer', async () => {
    const { id } = await expectJob(await chat('respond-async'), 'respond-async')
    const ended = jobObject.parse(await (await broker.send(`/v1/jobs/${id}?wait=20`)).json())
    expect(ended).toMatchObject({ status: 'completed', result: { choices: [{ message: { content: 'five' } }] } })
  })

  it('respond-async of a stream leaves a job whose events have the answer piece by piece', async () => {
    broker.upstream.script = say('one two')
    const { id } = await expectJob(await chat('respond-async', { stream: true }), 'respond-async')
    const records = await Array.fromAsync(readRecords(await broker.send(`/v1/jobs/${id}/events`)))
    expect(contentOf(records)).toBe('one two')
  })

  it('wait=N has no meaning for a stream, which begins at once', async () => {
    const response = await chat('wait=1', { stream: true })
    expect(response.status).toBe(200)
    expect(response.headers.get('preference-applied')).toBeNull()
    expect(contentOf(await Array.fromAsync(readRecords(response)))).toBe('five')
  })

  it.each(['wait=soon', 'wait', 'return=minimal', ''])(
    '%s is left unheeded, and a 202 is never given',
    async (prefer) => {
      const response = await chat(prefer)
      expect(response.status).toBe(200)
      expect(response.headers.get('preference-applied')).toBeNull()
    },
  )

  it('goes for embeddings too', async () => {
    const headers = { prefer: 'respond-async' }
    const response = await broker.send('/v1/embeddings', {
      json: { model: 'local', input: 'x', messages: [] },
      headers,
    })
    const job = await expectJob(response, 'respond-async')
    expect(job.endpoint).toBe('/v1/embeddings')
  })

  it('keeps the status of a call that failed in time', async () => {
    const response = await chat('wait=20', {}, { headers: { 'x-sluice-deadline': '1' } })
    expect(response.status).toBe(200)
    broker.upstream.script = hang
    const late = await chat('wait=20', {}, { headers: { 'x-sluice-deadline': '1' } })
    expect(late.status).toBe(504)
    expect(late.headers.get('x-should-retry')).toBe('false')
  })
})

describe('service_tier', () => {
  const jobOf = async (response: Response) =>
    jobObject.parse(await (await broker.send(`/v1/jobs/${response.headers.get('x-sluice-job-id')}`)).json())

  it.each([
    ['priority', undefined, 'interactive', 'priority'],
    ['fast', undefined, 'interactive', 'priority'],
    ['auto', undefined, 'interactive', 'default'],
    ['default', undefined, 'interactive', 'default'],
    ['flex', undefined, 'batch', 'flex'],
    ['flex', 'interactive', 'interactive', 'default'],
    ['priority', 'batch', 'batch', 'flex'],
    ['on_demand', undefined, 'interactive', 'default'],
    [undefined, 'batch', 'batch', undefined],
    [null, undefined, 'interactive', undefined],
  ])(
    '%s with the header %s makes a job of priority %s, and the answer says %s',
    async (tier, header, priority, echoed) => {
      const headers: Record<string, string> = header ? { 'x-sluice-priority': header } : {}
      const response = await chat(null, { service_tier: tier }, { headers })
      expect(((await response.json()) as { service_tier?: string }).service_tier).toBe(echoed)
      const job = await jobOf(response)
      expect(job.priority).toBe(priority)
      expect(job.result?.service_tier).toBe(echoed)
    },
  )

  it('is in every chunk of a stream', async () => {
    const records = await Array.fromAsync(readRecords(await chat(null, { stream: true, service_tier: 'flex' })))
    const chunks = records.filter((record) => record.startsWith('data: {'))
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.map((record) => JSON.parse(record.slice(6)).service_tier)).toEqual(chunks.map(() => 'flex'))
  })

  it('stays as the upstream says it was', async () => {
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(completion('x').replace('{', '{"service_tier": "scale",'))
    }
    const response = await chat(null, { service_tier: 'priority' })
    expect(await response.json()).toMatchObject({ service_tier: 'scale' })
  })

  it('of the request of a job is heeded where nothing else says who goes first', async () => {
    const input = { endpoint: '/v1/chat/completions', body: { messages, service_tier: 'flex' } }
    const made = async (more: object) => {
      const response = await broker.send('/v1/jobs', { json: { model: 'local', input, ...more } })
      return ((await response.json()) as { priority: string }).priority
    }
    expect(await made({})).toBe('batch')
    expect(await made({ priority: 'interactive' })).toBe('interactive')
  })
})
