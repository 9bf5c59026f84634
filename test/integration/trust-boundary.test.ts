import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { expectApiError } from '../support/api-errors.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatCall, type ChatScript, chunkRecord, echo, hang, refuse } from '../support/chat-upstream.ts'
import { dumpRedis } from '../support/redis-dump.ts'
import { contentOf, readRecords } from '../support/sse-reader.ts'

/** What must not leave: what a cloud sees, what Redis keeps, what is logged. */
let broker: TestBroker
let receiver: ScriptedUpstream
const planted = {
  email: 'ada.lovelace@example.com',
  card: '4111 1111 1111 1111',
  phone: '+49 30 901820',
  iban: 'DE89 3704 0044 0532 0130 00',
  ip: '203.0.113.9',
  // In two parts, or every scanner for secrets would report this file.
  apiKey: `sk-proj-${'A1b2C3d4E5f6'.repeat(4)}`,
}
/** A word of the prompt that is nobody's data: content all the same. */
const marker = 'Zyzzogeton'
const personal = `${marker}: mail ${planted.email}, pay ${planted.card} or ${planted.iban}, ring ${planted.phone}, host ${planted.ip}, key ${planted.apiKey}.`
const prompt = `echo: ${personal}`
const chatPath = '/v1/chat/completions'
const messages = [{ role: 'user', content: prompt }]

/** The planted values as they are, and without the signs between their parts. */
const secrets = Object.values(planted).flatMap((value) => [value, value.replaceAll(/[ +]/g, '')])
const secretsIn = (text: string) => secrets.filter((secret) => text.includes(secret))

interface Job {
  readonly id: string
  readonly status: string
  readonly sensitivity: string
  readonly sensitivity_reason: string | null
  readonly masked: Readonly<Record<string, number>>
  readonly attempts: readonly { deployment: string }[]
  readonly error: { code: string; message: string } | null
  readonly result: { choices: { message: { content: string } }[] } | null
}

async function runJob(model: string, more: object = {}, options: SendOptions = {}): Promise<Job> {
  const id = await makeJob(model, more, options)
  const ended = await broker.send(`/v1/jobs/${id}?wait=30`, options)
  return (await ended.json()) as Job
}

async function makeJob(model: string, more: object = {}, options: SendOptions = {}): Promise<string> {
  const json = { model, input: { endpoint: chatPath, body: { messages } }, ...more }
  const made = await broker.send('/v1/jobs', { json, ...options })
  expect(made.status).toBe(202)
  return ((await made.json()) as { id: string }).id
}

/** The calls that came since `before`. */
const callsSince = (before: number): readonly ChatCall[] => broker.upstream.calls.slice(before)
const wholeRequest = ({ request }: ChatCall) => JSON.stringify([request.path, request.headers, request.body])

describe.each([
  { processes: 'processes of their own', shared: false },
  { processes: 'one process', shared: true },
])('with its roles in $processes,', ({ shared }) => {
  beforeAll(async () => {
    receiver = await startUpstream((response) => void response.writeHead(204).end())
    broker = await startTestBroker({
      shared,
      models: {
        local: [{ id: 'studio-a', pool: 'studio' }],
        cloud: [{ id: 'cloud-a', pool: 'cloud' }],
        'cloud-first': [
          { id: 'cloud-b', pool: 'cloud' },
          { id: 'studio-b', pool: 'studio' },
        ],
        'studio-first': [
          { id: 'studio-c', pool: 'studio' },
          { id: 'cloud-c', pool: 'cloud' },
        ],
      },
      config: {
        tenants: {
          acme: {
            keys: ['sk-test-acme-0123456789'],
            webhook_secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
          },
          globex: { keys: ['sk-test-globex-0123456789'], sensitivity: { default: 'internal', floor: 'internal' } },
        },
      },
    })
  })
  afterEach(() => {
    broker.upstream.script = echo
  })
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  })

  describe('a restricted job', () => {
    it('is rejected with a reason, and in no cloud lane, when only a cloud could serve it', async () => {
      const before = broker.upstream.calls.length
      const job = await runJob('cloud', { sensitivity: 'restricted' })
      expect(job).toMatchObject({ status: 'rejected', sensitivity: 'restricted', result: null, attempts: [] })
      expect(job.error).toMatchObject({ code: 'no_eligible_deployment', message: expect.stringMatching(/restricted/) })
      const everything = await dumpRedis(broker.redis)
      const traces = [...everything].filter(([key, value]) => key.includes(job.id) || value.includes(job.id))
      expect(traces.map(([key]) => key).filter((key) => /lane\.cloud|body:cloud|:lane\./.test(key))).toEqual([])
      expect([...everything.keys()].filter((key) => key.includes('lane.cloud.restricted'))).toEqual([])
      expect(callsSince(before)).toEqual([])
    })

    it('is refused to a chat with 403 and the reason', async () => {
      const json = { model: 'cloud', messages }
      const response = await broker.send(chatPath, { json, headers: { 'x-sluice-sensitivity': 'restricted' } })
      const message = await expectApiError(response, { status: 403, code: 'no_eligible_deployment' })
      expect(message).toMatch(/restricted/)
    })

    it('passes a cloud deployment by, and goes as written to its own machines', async () => {
      const before = broker.upstream.calls.length
      const job = await runJob('cloud-first', { sensitivity: 'restricted' })
      expect(job).toMatchObject({ status: 'completed', sensitivity: 'restricted', masked: {} })
      expect(callsSince(before).map(({ deployment }) => deployment)).toEqual(['studio-b'])
      expect(callsSince(before)[0]?.prompt).toBe(prompt)
      const keys = [...(await dumpRedis(broker.redis, '*cloud*'))].filter(([key, value]) =>
        (key + value).includes(job.id),
      )
      expect(keys.map(([key]) => key)).toEqual([])
    })

    it('fails rather than fall back to a cloud', async () => {
      broker.upstream.script = refuse(500)
      const before = broker.upstream.calls.length
      const job = await runJob('studio-first', { sensitivity: 'restricted' })
      expect(job).toMatchObject({ status: 'failed', error: { code: 'upstream_failed' } })
      expect(new Set(callsSince(before).map(({ deployment }) => deployment))).toEqual(new Set(['studio-c']))
    })

    it('is not sent its result by webhook', async () => {
      const arrived = receiver.nextRequest()
      await runJob('local', { sensitivity: 'restricted', webhook: { url: `${receiver.url}/restricted` } })
      const { body } = await arrived
      expect(JSON.parse(body)).toMatchObject({ type: 'job.completed', data: { status: 'completed', result: null } })
      expect(body).not.toContain(marker)
      expect(secretsIn(body)).toEqual([])
    })
  })

  describe('an internal job', () => {
    const entities = ['CREDIT_CARD', 'EMAIL', 'IBAN', 'IP', 'PHONE', 'SECRET']

    it('reaches a cloud masked, and its caller restored: waiting', async () => {
      const before = broker.upstream.calls.length
      const response = await broker.send(chatPath, { json: { model: 'cloud', messages } })
      expect(await response.json()).toMatchObject({ choices: [{ message: { content: personal } }] })
      expectMasked(callsSince(before))
    })

    it('reaches a cloud masked, and its caller restored: streaming', async () => {
      const before = broker.upstream.calls.length
      const response = await broker.send(chatPath, { json: { model: 'cloud', messages, stream: true } })
      expect(contentOf(await Array.fromAsync(readRecords(response)))).toBe(personal)
      expectMasked(callsSince(before))
    })

    it('reaches a cloud masked, and its caller restored: as a job, by its events and by webhook', async () => {
      const before = broker.upstream.calls.length
      const arrived = receiver.nextRequest()
      const body = { messages, stream: true }
      const job = await runJob('cloud', {
        input: { endpoint: chatPath, body },
        webhook: { url: `${receiver.url}/internal` },
      })
      expectMasked(callsSince(before))
      expect(job).toMatchObject({ status: 'completed', sensitivity: 'internal' })
      expect(Object.keys(job.masked).sort()).toEqual(entities)
      expect(job.result?.choices[0]?.message.content).toBe(personal)
      const events = await broker.send(`/v1/jobs/${job.id}/events`)
      expect(contentOf(await Array.fromAsync(readRecords(events)))).toBe(personal)

      const hook = await arrived
      const headers = Object.fromEntries(Object.entries(hook.headers).map(([name, value]) => [name, String(value)]))
      const event = new Webhook(broker.webhookSecret).verify(hook.body, headers)
      expect(event).toMatchObject({ data: { id: job.id, result: { choices: [{ message: { content: personal } }] } } })
    })

    it('is masked wherever text can stand in a request', async () => {
      const before = broker.upstream.calls.length
      // Inside arguments nothing is protocol: neither names, nor ids, nor numbers.
      const values = { to: planted.iban, by: [planted.card], note: personal, id: planted.email, [planted.ip]: 1 }
      const number = Number(planted.card.replaceAll(' ', ''))
      const call = { name: 'pay', arguments: JSON.stringify({ ...values, number }) }
      const parameters = { type: 'object', properties: { to: { type: 'string', description: personal } } }
      const json = {
        model: 'cloud',
        user: planted.email,
        stop: [planted.phone],
        tools: [{ type: 'function', function: { name: 'pay', description: personal, parameters } }],
        prediction: { type: 'content', content: personal },
        messages: [
          { role: 'system', name: planted.email, content: personal },
          { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: call }] },
          { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify({ from: planted.ip, key: planted.apiKey }) },
          { role: 'user', content: [{ type: 'text', text: personal }] },
        ],
      }
      const response = await broker.send(chatPath, { json })
      expect(response.status).toBe(200)
      expectMasked(callsSince(before))
    })

    it('reaches its own machines as written', async () => {
      const before = broker.upstream.calls.length
      const job = await runJob('local')
      expect(job).toMatchObject({ status: 'completed', sensitivity: 'internal', masked: {} })
      expect(job.result?.choices[0]?.message.content).toBe(personal)
      expect(callsSince(before).map(({ prompt: seen }) => seen)).toEqual([prompt])
    })

    it('is masked for the cloud and as written for its own machines when it falls back', async () => {
      broker.upstream.script = (call, response) =>
        call.deployment.startsWith('cloud') ? refuse(500)(call, response) : echo(call, response)
      const before = broker.upstream.calls.length
      const job = await runJob('cloud-first')
      expect(job.result?.choices[0]?.message.content).toBe(personal)
      const [cloud, studio] = ['cloud-b', 'studio-b'].map((id) =>
        callsSince(before).filter(({ deployment }) => deployment === id),
      )
      expectMasked(cloud ?? [])
      expect(studio?.map(({ prompt: seen }) => seen)).toEqual([prompt])
    })

    function expectMasked(calls: readonly ChatCall[]): void {
      expect(calls.length).toBeGreaterThan(0)
      for (const call of calls) {
        expect(call.deployment).toMatch(/^cloud/)
        expect(secretsIn(wholeRequest(call)), call.request.body).toEqual([])
        expect(call.request.body).toContain('<EMAIL_1>')
        expect(call.request.body).toContain(marker)
      }
    }
  })

  describe('a public job', () => {
    it('with findings is raised to internal, and masked for a cloud', async () => {
      const before = broker.upstream.calls.length
      const job = await runJob('cloud', { sensitivity: 'public' })
      expect(job).toMatchObject({ status: 'completed', sensitivity: 'internal' })
      expect(job.sensitivity_reason).toMatch(/raised from public.*EMAIL/)
      expect(callsSince(before).flatMap((call) => secretsIn(wholeRequest(call)))).toEqual([])
      expect(job.result?.choices[0]?.message.content).toBe(personal)
    })

    it('without findings goes anywhere as written', async () => {
      const before = broker.upstream.calls.length
      const body = { messages: [{ role: 'user', content: 'echo: the weather in Paris' }] }
      const job = await runJob('cloud', { sensitivity: 'public', input: { endpoint: chatPath, body } })
      expect(job).toMatchObject({ status: 'completed', sensitivity: 'public', masked: {} })
      expect(callsSince(before).map(({ prompt: seen }) => seen)).toEqual(['echo: the weather in Paris'])
    })

    it('is an internal one where the tenant has that floor', async () => {
      const job = await runJob('cloud', { sensitivity: 'public' }, { tenant: 'globex' })
      expect(job.sensitivity).toBe('internal')
    })
  })

  describe('what Redis keeps', () => {
    /** Content that must not be readable, by the kind of key that it was found under. */
    async function findContent(pattern: string): Promise<string[]> {
      const dump = await dumpRedis(broker.redis, pattern)
      return [...dump].filter(([, value]) => value.includes(marker) || secretsIn(value).length > 0).map(([key]) => key)
    }

    it('of jobs in flight is sealed, and holds no content in their state or in the queues', async () => {
      broker.upstream.script = hang
      const before = broker.upstream.calls.length
      const ids = [
        await makeJob('cloud'),
        await makeJob('local', { sensitivity: 'restricted' }),
        await makeJob('cloud', { input: { endpoint: chatPath, body: { messages, stream: true } } }),
      ]
      await broker.upstream.callOf(({ number }) => number >= before + ids.length)
      expect((await dumpRedis(broker.redis, 'sluice:queue:*')).size).toBeGreaterThan(0)
      expect(await findContent('sluice:queue:*')).toEqual([])
      for (const id of ids) {
        expect((await dumpRedis(broker.redis, `sluice:job:${id}`)).size).toBe(1)
        expect(await findContent(`sluice:job:${id}`)).toEqual([])
        const sealed = await broker.redis.hgetall(`sluice:private:${id}`)
        expect(sealed.body).toMatch(/^\S+$/)
        expect(await findContent(`sluice:private:${id}`)).toEqual([])
      }
      // What a cloud pool's dispatcher reads is masked already.
      const cloudBodies = await dumpRedis(broker.redis, 'sluice:body:cloud:*')
      expect(cloudBodies.size).toBe(2)
      expect([...cloudBodies.values()].flatMap(secretsIn)).toEqual([])
      for (const id of ids) {
        const cancelled = await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
        expect(await cancelled.json()).toMatchObject({ id, status: 'cancelled' })
        expect((await dumpRedis(broker.redis, `sluice:body:*:${id}`)).size).toBe(0)
      }
    })

    it('of ended jobs holds a cloud’s answers masked, and no body for dispatchers', async () => {
      const body = { messages, stream: true }
      const { id } = await runJob('cloud', { input: { endpoint: chatPath, body } })
      for (const key of [`sluice:events:${id}`, `sluice:result:${id}`]) {
        const [value = ''] = (await dumpRedis(broker.redis, key)).values()
        expect(value).toMatch(/EMAIL|chat\.completion/)
        expect(secretsIn(value), key).toEqual([])
      }
      expect((await dumpRedis(broker.redis, `sluice:body:*:${id}`)).size).toBe(0)
    })

    it('of a whole run of the tests above is readable only in answers', async () => {
      const readable = (await findContent('*')).filter((key) => !/^sluice:(result|events):/.test(key))
      expect(readable).toEqual([])
    })
  })

  describe('the log and the metrics', () => {
    const upstreamsThatTalk: [string, ChatScript][] = [
      ['repeats the prompt in a refusal', (call, response) => void response.writeHead(400).end(call.request.body)],
      ['repeats it in a failure', (call, response) => void response.writeHead(500).end(call.request.body)],
      [
        'answers with what is not JSON',
        (call, response) => void response.writeHead(200).end(`<p>${call.request.body}`),
      ],
      ['breaks off in its answer', cutAfter(personal)],
    ]

    it.each(upstreamsThatTalk)('repeat nothing of a job whose upstream %s', async (_name, script) => {
      broker.upstream.script = script
      for (const model of ['local', 'cloud']) {
        const job = await runJob(model, { input: { endpoint: chatPath, body: { messages, stream: true } } })
        expect(job.status).toBe('failed')
        expect(JSON.stringify(job.error)).not.toContain(marker)
        expect(secretsIn(JSON.stringify(job))).toEqual([])
      }
    })

    it('hold nothing that was planted in the whole run', async () => {
      await broker.send(chatPath, { json: { model: planted.email, messages } })
      await broker.send(`/v1/${planted.apiKey}`)
      await broker.send('/v1/jobs', { json: { [planted.email]: personal } })
      await broker.send(chatPath, { body: `{"broken": "${personal}`, headers: { 'content-type': 'application/json' } })
      const metrics = await (await broker.send('/metrics')).text()
      for (const text of [broker.logText(), metrics]) {
        expect(text.length).toBeGreaterThan(1_000)
        expect(secretsIn(text)).toEqual([])
        expect(text).not.toContain(marker)
        expect(text).not.toContain(broker.keys.acme)
      }
    })
  })
})

function cutAfter(text: string): ChatScript {
  return (_call, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkRecord({ content: text }), () => response.destroy())
  }
}
