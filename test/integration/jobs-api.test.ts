import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { acceptedJob, jobList, jobObject } from '../../src/http/schemas.ts'
import { expectApiError } from '../support/api-errors.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatCall, chunkRecord, echo, hang, refuse, say } from '../support/chat-upstream.ts'
import { readRecords, typeOf } from '../support/sse-reader.ts'

/** The life of a job as a client sees it, over every way it can end. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      other: [{ id: 'studio-other', pool: 'studio' }],
      both: [
        { id: 'cloud-b', pool: 'cloud' },
        { id: 'studio-b', pool: 'studio' },
      ],
    },
  })
})
afterEach(async () => {
  broker.upstream.script = echo
  await broker.forgetFailures()
})
afterAll(() => broker[Symbol.asyncDispose]())

const chatPath = '/v1/chat/completions'
const say5 = [{ role: 'user', content: 'echo: five' }]
/** What is documented is what is sent: no field more, no field less. */
const strictJob = z.strictObject(jobObject.shape)

function jobBody(model = 'local', more: object = {}, body: object = {}) {
  return { model, input: { endpoint: chatPath, body: { messages: say5, ...body } }, ...more }
}

async function makeJob(json: object = jobBody(), options: SendOptions = {}): Promise<z.infer<typeof acceptedJob>> {
  const made = await broker.send('/v1/jobs', { json, ...options })
  expect(made.status).toBe(202)
  return z.strictObject(acceptedJob.shape).parse(await made.json())
}

async function readJob(id: string, query = '?wait=30'): Promise<z.infer<typeof jobObject>> {
  return strictJob.parse(await (await broker.send(`/v1/jobs/${id}${query}`)).json())
}

async function runJob(json?: object) {
  return readJob((await makeJob(json)).id)
}

type Job = z.infer<typeof jobObject>

/** A broker whose only slot is taken by a job that never ends. */
async function startNarrowBroker(): Promise<TestBroker & { first: string }> {
  const models = { local: [{ id: 'studio-a', pool: 'studio', concurrency: 1 }] } as const
  const narrow = await startTestBroker({ models, script: hang })
  const { id: first } = (await (await narrow.send('/v1/jobs', { json: jobBody() })).json()) as Job
  await narrow.upstream.callOf(({ number }) => number === 1)
  return { ...narrow, first }
}

const callsSince = (before: number): readonly ChatCall[] => broker.upstream.calls.slice(before)
const post = (path: string) => broker.send(path, { method: 'POST' })

describe('a job', () => {
  it('is accepted, run, and shown with all that became of it', async () => {
    const more = {
      priority: 'batch',
      sensitivity: 'restricted',
      metadata: { ticket: '42' },
      tags: { team: 'search' },
      deadline: 600,
    }
    const made = await broker.send('/v1/jobs', { json: jobBody('local', more) })
    const accepted = z.strictObject(acceptedJob.shape).parse(await made.json())
    expect(accepted).toMatchObject({
      status: 'queued',
      model: 'local',
      priority: 'batch',
      sensitivity: 'restricted',
      urls: { self: `/v1/jobs/${accepted.id}` },
    })
    expect(made.headers.get('location')).toBe(accepted.urls.self)
    expect(made.headers.get('x-sluice-job-id')).toBe(accepted.id)

    const job = await readJob(accepted.id)
    expect(job).toMatchObject({
      id: accepted.id,
      status: 'completed',
      stage: 'completed',
      endpoint: chatPath,
      deployment: 'studio-a',
      attempts: [{ deployment: 'studio-a', outcome: 'completed', status: null }],
      usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 },
      metadata: { ticket: '42' },
      tags: { team: 'search' },
      error: null,
      result: { object: 'chat.completion', choices: [{ message: { role: 'assistant', content: 'five' } }] },
    })
    expect(job.deadline - job.created_at).toBe(600)
    expect(job.finished_at).toBeGreaterThanOrEqual(job.started_at ?? Number.POSITIVE_INFINITY)
  })

  it('is waited for no longer than was asked, and shown as it is then', async () => {
    broker.upstream.script = hang
    const { id } = await makeJob()
    expect(await readJob(id, '?wait=0.2')).toMatchObject({ status: 'in_progress', stage: 'running', result: null })
    await post(`/v1/jobs/${id}/cancel`)
  })

  it('that streams has the same result as one that waits', async () => {
    const [waiting, streaming] = await Promise.all([runJob(), runJob(jobBody('local', {}, { stream: true }))])
    expect(streaming.result?.choices).toMatchObject([{ message: { content: 'five' }, finish_reason: 'stop' }])
    expect(streaming.usage).toEqual(waiting.usage)
  })

  it('may take its class, tags and deadline from headers, the body going before', async () => {
    const headers = {
      'x-sluice-priority': 'batch',
      'x-sluice-tags': 'team=search, env=prod',
      'x-sluice-deadline': '60',
    }
    const { id } = await makeJob(jobBody('local', { priority: 'interactive' }), { headers })
    const job = await readJob(id)
    expect(job).toMatchObject({ priority: 'interactive', tags: { team: 'search', env: 'prod' } })
    expect(job.deadline - job.created_at).toBe(60)
  })
})

describe('a chat', () => {
  const chat = (more: object = {}, headers: Record<string, string> = {}) =>
    broker.send(chatPath, { json: { model: 'local', messages: say5, ...more }, headers })

  it('says which job it was, who answered, and after how many attempts', async () => {
    broker.upstream.script = refuse(500, { times: 1 })
    const response = await chat()
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'five' } }] })
    const id = response.headers.get('x-sluice-job-id') ?? ''
    expect(response.headers.get('x-sluice-deployment')).toBe('studio-a')
    expect(response.headers.get('x-sluice-attempts')).toBe('2')
    expect(await readJob(id)).toMatchObject({ id, status: 'completed', priority: 'interactive' })
  })

  it('that takes longer goes on by a redirect to where its answer will be', async () => {
    broker.upstream.script = hang
    const stop = new AbortController()
    const before = broker.upstream.calls.length
    const gone = chat().catch(() => null)
    const { request } = await broker.upstream.callOf(({ number }) => number > before)
    const { data } = jobList.parse(await (await broker.send('/v1/jobs?limit=1')).json())
    const id = data[0]?.id ?? ''
    const redirect = await broker.send(`${chatPath}/${id}?wait=0`, { signal: stop.signal })
    expect(redirect.status).toBe(303)
    expect(redirect.headers.get('location')).toBe(`${chatPath}/${id}?wait=50`)
    expect(redirect.headers.get('x-sluice-job-id')).toBe(id)

    const waiting = broker.send(`${chatPath}/${id}?wait=30`)
    await post(`/v1/jobs/${id}/cancel`)
    await expectApiError(await waiting, { status: 400, code: 'job_cancelled' })
    await expectApiError(await broker.send(`${chatPath}/${id}?wait=0`), { status: 400, code: 'job_cancelled' })
    await request.closed
    expect((await gone)?.status).toBe(400)
  })
})

describe('the list of jobs', () => {
  it('is newest first, in pages that neither overlap nor leave out', async () => {
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.unshift((await makeJob(jobBody('other'))).id)
    const pages: string[][] = []
    let after = ''
    do {
      const response = await broker.send(`/v1/jobs?model=other&limit=2${after}`)
      const page = z.strictObject({ ...jobList.shape, data: z.array(strictJob) }).parse(await response.json())
      pages.push(page.data.map(({ id }) => id))
      expect(page.first_id).toBe(page.data[0]?.id)
      expect(page.last_id).toBe(page.data.at(-1)?.id)
      after = page.has_more ? `&after=${page.last_id}` : ''
    } while (after !== '')
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
    expect(pages.flat()).toEqual(ids)
  })

  it('shows what has the status and the model that were asked for, and no results', async () => {
    broker.upstream.script = refuse(400)
    const { id } = await runJob(jobBody('other'))
    const list = async (query: string, options: SendOptions = {}) =>
      jobList.parse(await (await broker.send(`/v1/jobs?${query}`, options)).json()).data
    expect((await list('model=other&status=failed')).map((job) => job.id)).toEqual([id])
    const completed = await list('model=other&status=completed&limit=100')
    expect(completed).toHaveLength(5)
    expect(completed.map(({ result }) => result)).toEqual([null, null, null, null, null])
    expect(await list('model=nothing')).toEqual([])
    expect(await list('limit=100', { tenant: 'globex' })).toEqual([])
    expect(await list(`after=${id}`, { tenant: 'globex' })).toEqual([])
  })
})

describe('cancelling', () => {
  it.each([
    ['a waiting call', false],
    ['a stream', true],
  ])('closes the connection of %s to the upstream', async (_name, stream) => {
    broker.upstream.script = (call, response) => {
      if (!call.stream) return
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'never ends' }))
    }
    const before = broker.upstream.calls.length
    const { id } = await makeJob(jobBody('local', {}, { stream }))
    const { request } = await broker.upstream.callOf(({ number }) => number > before)
    // Sent as many clients do: with a content type and nothing else.
    const response = await broker.send(`/v1/jobs/${id}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    expect(strictJob.parse(await response.json())).toMatchObject({
      status: 'cancelled',
      error: { code: 'job_cancelled' },
      result: null,
    })
    await request.closed
    const records = await Array.fromAsync(readRecords(await broker.send(`/v1/jobs/${id}/events`)))
    expect(typeOf(records.at(-1) ?? '')).toBe('job.cancelled')
    expect(callsSince(before)).toHaveLength(1)
  })

  it('closes it however early the word comes, while the call is just being made', async () => {
    broker.upstream.script = hang
    const before = broker.upstream.calls.length
    for (let count = 0; count < 80; count += 1) {
      const { urls } = await makeJob()
      // Spread over the few milliseconds in which a job is audited, handed over and begun.
      await sleep(count % 8)
      await post(urls.cancel)
    }
    await Promise.all(callsSince(before).map(({ request }) => request.closed))
  })

  it('keeps a job that waits for a free slot from ever being called', async () => {
    await using narrow = await startNarrowBroker()
    const make = async () => ((await (await narrow.send('/v1/jobs', { json: jobBody() })).json()) as Job).id
    const second = await make()
    const third = await make()
    const stageOf = async (id: string) => strictJob.parse(await (await narrow.send(`/v1/jobs/${id}`)).json()).stage
    await vi.waitFor(async () => expect(await stageOf(third)).toBe('waiting'), 5_000)
    await narrow.send(`/v1/jobs/${second}/cancel`, { method: 'POST' })
    narrow.upstream.script = echo
    await narrow.send(`/v1/jobs/${narrow.first}/cancel`, { method: 'POST' })
    const ended = strictJob.parse(await (await narrow.send(`/v1/jobs/${third}?wait=30`)).json())
    expect(ended.status).toBe('completed')
    expect(await stageOf(second)).toBe('cancelled')
    expect(narrow.upstream.calls).toHaveLength(2)
  })

  it('leaves an ended job as it is', async () => {
    const job = await runJob()
    const response = await post(`/v1/jobs/${job.id}/cancel`)
    expect(response.status).toBe(200)
    expect(strictJob.parse(await response.json())).toEqual(job)
  })
})

describe('an Idempotency-Key', () => {
  it('makes one job of many requests, at once or later', async () => {
    const before = broker.upstream.calls.length
    const headers = { 'idempotency-key': 'one job' }
    const accepted = await Promise.all(Array.from({ length: 10 }, () => makeJob(jobBody(), { headers })))
    const ids = new Set(accepted.map(({ id }) => id))
    expect(ids.size).toBe(1)
    const [id = ''] = ids
    expect(await readJob(id)).toMatchObject({ status: 'completed' })
    expect(await makeJob(jobBody(), { headers })).toMatchObject({ id, status: 'completed' })
    expect(callsSince(before)).toHaveLength(1)
  })

  it('gives a chat that is sent again the answer of the first, also as a stream from its start', async () => {
    for (const stream of [false, true]) {
      const before = broker.upstream.calls.length
      const json = { model: 'local', messages: say5, stream }
      const headers = { 'idempotency-key': `chat ${stream}` }
      const [first, second] = await Promise.all([1, 2].map(() => broker.send(chatPath, { json, headers })))
      const third = await broker.send(chatPath, { json, headers })
      const [one, two, three] = await Promise.all([first, second, third].map((response) => response?.text()))
      expect(two).toBe(one)
      expect(three).toBe(one)
      expect(one).toContain('fiv')
      expect(third.headers.get('x-sluice-job-id')).toBe(first?.headers.get('x-sluice-job-id'))
      expect(callsSince(before)).toHaveLength(1)
    }
  })
})

describe('a deadline', () => {
  it('ends a chat with 504 that is not to be tried again, and the call to the upstream', async () => {
    broker.upstream.script = hang
    const before = broker.upstream.calls.length
    const json = { model: 'local', messages: say5 }
    const answer = broker.send(chatPath, { json, headers: { 'x-sluice-deadline': '0.3' } })
    const { request } = await broker.upstream.callOf(({ number }) => number > before)
    const response = await answer
    await expectApiError(response, { status: 504, code: 'deadline_exceeded' })
    expect(response.headers.get('x-should-retry')).toBe('false')
    await request.closed
  })

  it('may be as far away as it is allowed to be', async () => {
    const job = await runJob(jobBody('local', { deadline: 30 * 24 * 3600 }))
    expect(job).toMatchObject({ status: 'completed', error: null })
  })

  it('ends a job that never had its turn, and it is never called', async () => {
    await using narrow = await startNarrowBroker()
    const { id } = (await (await narrow.send('/v1/jobs', { json: jobBody('local', { deadline: 0.2 }) })).json()) as Job
    const job = strictJob.parse(await (await narrow.send(`/v1/jobs/${id}?wait=10`)).json())
    expect(job).toMatchObject({ status: 'expired', attempts: [], error: { code: 'deadline_exceeded' } })
    expect(narrow.upstream.calls).toHaveLength(1)
  })
})

describe('failures', () => {
  it('are tried again, and listed as attempts', async () => {
    broker.upstream.script = refuse(503, { times: 2 })
    const job = await runJob()
    expect(job.attempts.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['overloaded', 503],
      ['overloaded', 503],
      ['completed', null],
    ])
    expect(job).toMatchObject({ status: 'completed', result: { choices: [{ message: { content: 'five' } }] } })
  })

  it.each([
    ['after two tries where it may help to try again', 500, ['cloud-b', 'cloud-b', 'studio-b']],
    ['at once where it is busy', 429, ['cloud-b', 'studio-b']],
    ['at once where our key is refused', 401, ['cloud-b', 'studio-b']],
    ['at once where it does not have the model', 404, ['cloud-b', 'studio-b']],
  ])('of one deployment are made up for by the next %s', async (_name, status, deployments) => {
    broker.upstream.script = (call, response) =>
      (call.deployment === 'cloud-b' ? refuse(status) : say('from the studio'))(call, response)
    const job = await runJob(jobBody('both'))
    expect(job.attempts.map(({ deployment }) => deployment)).toEqual(deployments)
    expect(job).toMatchObject({
      status: 'completed',
      deployment: 'studio-b',
      result: { choices: [{ message: { content: 'from the studio' } }] },
    })
  })

  it('of every deployment make a dead letter with each attempt’s reason', async () => {
    broker.upstream.script = refuse(500)
    const job = await runJob(jobBody('both'))
    expect(job).toMatchObject({ status: 'failed', stage: 'failed', result: null, error: { code: 'upstream_failed' } })
    expect(job.attempts.map(({ deployment, outcome, status }) => `${deployment} ${outcome} ${status}`)).toEqual([
      'cloud-b server_error 500',
      'cloud-b server_error 500',
      'studio-b server_error 500',
      'studio-b server_error 500',
    ])
    expect(job.error?.message).toMatch(/4 attempts.*cloud-b: server_error \(500\).*studio-b/)
  })

  it('reach a chat as 502 that is not to be tried again', async () => {
    broker.upstream.script = refuse(500)
    const response = await broker.send(chatPath, { json: { model: 'local', messages: say5 } })
    await expectApiError(response, { status: 502, code: 'upstream_failed', message: /4 attempts/ })
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('x-sluice-attempts')).toBe('4')
  })

  it('that are the request’s own are not tried again', async () => {
    broker.upstream.script = refuse(400)
    const before = broker.upstream.calls.length
    const response = await broker.send(chatPath, { json: { model: 'both', messages: say5 } })
    await expectApiError(response, { status: 400, code: 'upstream_rejected' })
    expect(callsSince(before)).toHaveLength(1)
  })
})

describe('admission', () => {
  it('refuses with 429 and a time to come back when too many jobs are open', async () => {
    await using narrow = await startTestBroker({ config: { server: { port: 0, max_open_jobs: 1 } }, script: hang })
    const make = () => narrow.send('/v1/jobs', { json: jobBody() })
    expect((await make()).status).toBe(202)
    const refused = await vi.waitUntil(
      async () => {
        const response = await make()
        return response.status === 202 ? null : response
      },
      { timeout: 5_000, interval: 50 },
    )
    await expectApiError(refused, { status: 429, code: 'queue_full' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  })
})
