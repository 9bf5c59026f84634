import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startApi } from '../../src/compose/api.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { cloudNodeToken, httpsPools, nodeToken } from '../support/https-node.ts'
import { silentLog } from '../support/mortal.ts'

const delta = (text: string) => `output.delta {"choices":[{"index":0,"delta":{"content":"${text}"}}]}`
const result = '{"choices":[{"index":0,"message":{"role":"assistant","content":"done"},"finish_reason":"stop"}]}'
const record = {
  ...{ outcome: 'completed', status: null, ms: 5, firstTokenMs: 2, usage: null, isEstimated: false, cost: 0 },
}

const startBroker = () => startTestBroker({ redisPools: [], config: { pools: httpsPools } })

interface Caller {
  readonly token?: string | null
  readonly pool?: string
  readonly node?: string
  readonly protocol?: string
}

interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** What a node would send, and what it gets. */
async function call(broker: TestBroker, name: string, json: object, caller: Caller = {}): Promise<Answered> {
  const { token = nodeToken, pool = 'studio', node = 'mac-1', protocol = '1' } = caller
  const options: SendOptions = {
    tenant: null,
    json,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...{ 'x-sluice-pool': pool, 'x-sluice-node': node, 'x-sluice-node-protocol': protocol },
    },
  }
  const response = await broker.send(`/node/v1/${name}`, options)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const codeOf = ({ body }: Answered) => (body.error as { code: string } | undefined)?.code

interface Claimed {
  readonly lease: string
  readonly id: string
}

async function submit(broker: TestBroker, job: object = {}): Promise<string> {
  const body = { stream: true, messages: [{ role: 'user', content: 'mail ada@example.com' }] }
  const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body }, ...job }
  const response = await broker.send('/v1/jobs', { json })
  return ((await response.json()) as { id: string }).id
}

async function claim(broker: TestBroker, caller: Caller = {}, waitMs = 10_000): Promise<Claimed> {
  const { body } = await call(broker, 'claim', { max: 1, maxBatch: 1, waitMs }, caller)
  const [entry] = body.entries as Claimed[]
  if (!entry) throw new Error('nothing was handed out')
  return entry
}

async function start(broker: TestBroker, { lease }: Claimed, caller: Caller = {}) {
  const { body } = await call(broker, 'start', { lease, tokens: 0 }, caller)
  return body as { kind: string; attempt: string; fence: number; bodyJson: string }
}

const jobOf = async (broker: TestBroker, id: string) =>
  (await (await broker.send(`/v1/jobs/${id}`)).json()) as { status: string; result: unknown; attempts: unknown[] }

describe('the routes for nodes', () => {
  it('let nobody in without a token of theirs', async () => {
    await using broker = await startBroker()
    const wish = { max: 1, maxBatch: 1, waitMs: 0 }
    const nobody = await call(broker, 'claim', wish, { token: null })
    expect([nobody.status, codeOf(nobody)]).toEqual([401, 'invalid_node_token'])
    const stranger = await call(broker, 'claim', wish, { token: broker.keys.acme })
    expect([stranger.status, codeOf(stranger)]).toEqual([401, 'invalid_node_token'])
    const admin = await call(broker, 'claim', wish, { token: broker.adminKey })
    expect(admin.status).toBe(401)
    const elsewhere = await call(broker, 'claim', wish, { pool: 'cloud' })
    expect([elsewhere.status, codeOf(elsewhere)]).toEqual([403, 'node_forbidden'])
    const nameless = await call(broker, 'claim', wish, { node: 'a b' })
    expect([nameless.status, codeOf(nameless)]).toEqual([400, 'invalid_header'])
    const old = await call(broker, 'claim', wish, { protocol: '0' })
    expect([old.status, codeOf(old)]).toEqual([400, 'node_protocol_mismatch'])
    // The token of a node opens nothing of what tenants or operators have.
    for (const path of ['/v1/models', '/admin/v1/usage']) {
      const response = await broker.send(path, { tenant: null, headers: { authorization: `Bearer ${nodeToken}` } })
      expect(response.status).toBe(401)
    }
    // And what was said of all of them names no token.
    expect(broker.logText()).not.toContain(nodeToken)
  })

  it('carry a job from its claim to its end', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const claimed = await claim(broker)
    expect(claimed.id).toBe(id)
    const { kind, attempt, bodyJson, fence } = await start(broker, claimed)
    expect([kind, fence]).toEqual(['go', 1])
    // A pool on the premises sees what was written.
    expect(bodyJson).toContain('ada@example.com')
    // An answer that was lost is asked for again: it is still the same claim.
    expect(await start(broker, claimed)).toMatchObject({ kind: 'go', fence: 1 })
    const first = { attempt, number: 1, entries: [delta('a'), delta('b')], isFirst: true }
    const second = { attempt, number: 2, entries: [delta('c')], isFirst: false }
    for (const write of [first, first, second, first, second]) {
      expect(await call(broker, 'append', write)).toMatchObject({ status: 200, body: { isOurs: true } })
    }
    const end = { attempt, ending: 'complete', resultJson: result, attempts: [], cost: 0, record }
    expect(await call(broker, 'end', end)).toMatchObject({ body: { isOurs: true } })
    // Somebody asks again because the answer was lost: nothing changes any more.
    expect(await call(broker, 'end', end)).toMatchObject({ body: { isOurs: false } })
    await call(broker, 'complete', { leases: [claimed.lease] })
    const job = await jobOf(broker, id)
    expect(job).toMatchObject({ status: 'completed', result: JSON.parse(result) })
    const events = await (await broker.send(`/v1/jobs/${id}/events`)).text()
    expect([...events.matchAll(/"content":"([abc])"/g)].map(([, text]) => text).join('')).toBe('abc')
  })

  it('count in whole numbers: anything else breaks off the roll-ups in their middle', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const { attempt } = await start(broker, await claim(broker))
    const counts = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
    const end = { attempt, ending: 'complete', resultJson: result, attempts: [], cost: 0, record }
    for (const wrong of [
      { cost: 0.5 },
      { cost: 1e300 },
      { usage: { ...counts, prompt_tokens_details: { cached_tokens: 0.5 } } },
      { usage: { ...counts, prompt_tokens: 1e15 } },
    ]) {
      expect((await call(broker, 'end', { ...end, record: { ...record, ...wrong } })).status).toBe(400)
    }
    const details = { prompt_tokens_details: null, completion_tokens_details: { reasoning_tokens: 2 } }
    const right = { ...record, cost: 3, usage: { ...counts, ...details } }
    expect(await call(broker, 'end', { ...end, cost: 3, record: right })).toMatchObject({ body: { isOurs: true } })
    expect(await jobOf(broker, id)).toMatchObject({ status: 'completed' })
    await eventually('it is recorded', async () => (await broker.redis.xlen('sluice:records')) === 0)
  })

  it('let a node leave its own pool only', async () => {
    await using broker = await startBroker()
    const report = {
      ...{ version: '0', isDraining: false, running: 0, slots: 1, waiting: 0, deployments: [], runtimes: [] },
      ...{ memory: { totalBytes: 1, freeBytes: 1 }, platform: 'test' },
    }
    const cloud = { token: cloudNodeToken, pool: 'cloud' }
    for (const caller of [{}, cloud]) {
      expect((await call(broker, 'report', { report, upMs: 1, heartbeatMs: 60_000 }, caller)).status).toBe(200)
    }
    await call(broker, 'leave', {}, cloud)
    expect(await broker.redis.hkeys('sluice:nodes:cloud')).toEqual([])
    expect(await broker.redis.hkeys('sluice:nodes:studio')).toEqual(['report:mac-1'])
  })

  it('take nothing from a claim that another one has followed', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const before = await claim(broker)
    const old = await start(broker, before)
    await call(broker, 'release', { leases: [before.lease] })
    const now = await claim(broker, { node: 'mac-2' })
    const current = await start(broker, now, { node: 'mac-2' })
    expect(current.fence).toBe(old.fence + 1)
    const late = { attempt: old.attempt, number: 1, entries: [delta('late')], isFirst: true }
    expect(await call(broker, 'append', late)).toMatchObject({ body: { isOurs: false } })
    const end = { attempt: old.attempt, ending: 'complete', resultJson: result, record }
    expect(await call(broker, 'end', end)).toMatchObject({ body: { isOurs: false } })
    const retry = { attempt: old.attempt, candidate: 0, delayMs: 0, attempts: [], record, resetOutput: false }
    expect(await call(broker, 'retry', retry)).toMatchObject({ body: { isOurs: false } })
    expect(await call(broker, 'renew', { leases: [before.lease], attempts: [old.attempt] })).toMatchObject({
      body: { lostLeases: [before.lease], lostAttempts: [old.attempt] },
    })
    expect((await jobOf(broker, id)).status).toBe('in_progress')
    const again = await call(broker, 'start', { lease: before.lease, tokens: 0 })
    expect([again.status, codeOf(again)]).toEqual([409, 'lease_lost'])
  })

  it('are closed to a pass of another node, another pool or another hand', async () => {
    await using broker = await startBroker()
    await submit(broker)
    const claimed = await claim(broker)
    const { attempt } = await start(broker, claimed)
    const [text = '', signature = ''] = attempt.split('.')
    const facts = JSON.parse(Buffer.from(text, 'base64url').toString()) as object
    const forged = Buffer.from(JSON.stringify({ ...facts, pool: 'cloud' })).toString('base64url')
    const strangers: [string, Caller][] = [
      [attempt, { node: 'mac-2' }],
      [attempt, { pool: 'cloud', token: cloudNodeToken }],
      [`${forged}.${signature}`, { pool: 'cloud', token: cloudNodeToken }],
      [`${text}.`, {}],
      ['no pass', {}],
      [claimed.lease, {}],
    ]
    for (const [pass, caller] of strangers) {
      const answers = await Promise.all([
        call(broker, 'append', { attempt: pass, number: 9, entries: [delta('x')], isFirst: false }, caller),
        call(broker, 'end', { attempt: pass, ending: 'fail' }, caller),
        call(broker, 'park', { attempt: pass, candidate: 0, tokens: 0 }, caller),
        call(broker, 'start', { lease: pass === claimed.lease ? attempt : pass, tokens: 0 }, caller),
      ])
      expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual(
        answers.map(() => [403, 'node_forbidden']),
      )
    }
  })

  it('let a node write output and nothing else, and send a job nowhere but to its candidates', async () => {
    await using broker = await startBroker()
    await submit(broker)
    const { attempt } = await start(broker, await claim(broker))
    for (const entry of ['job.completed {}', `${delta('a')}\u001e${delta('b')}`, 'output.delta']) {
      const answer = await call(broker, 'append', { attempt, number: 1, entries: [entry], isFirst: true })
      expect([answer.status, codeOf(answer)]).toEqual([403, 'node_forbidden'])
    }
    const away = { attempt, candidate: 7, delayMs: 0, attempts: [], record, resetOutput: false }
    expect((await call(broker, 'retry', away)).status).toBe(403)
    expect((await call(broker, 'wake', { deployment: 'cloud-a', limit: 1 })).status).toBe(403)
    expect((await call(broker, 'end', { attempt, ending: 'cancel' })).status).toBe(400)
  })

  it('show a cloud node masked texts, and no restricted job', async () => {
    await using broker = await startBroker()
    const cloud = { pool: 'cloud', token: cloudNodeToken }
    await submit(broker, { model: 'both', sensitivity: 'restricted' })
    const internal = await submit(broker, { model: 'both', sensitivity: 'internal' })
    const claimed = await claim(broker, cloud)
    expect(claimed.id).toBe(internal)
    expect((await start(broker, claimed, cloud)).bodyJson).not.toContain('ada@example.com')
    const rest = await call(broker, 'claim', { max: 5, maxBatch: 5, waitMs: 300 }, cloud)
    expect(rest.body.entries).toEqual([])
  })

  it('show a pool that has become a cloud pool nothing that was found while it was on-premises', async () => {
    await using broker = await startBroker()
    const id = await submit(broker, { sensitivity: 'internal' })
    await eventually('it is audited', async () => (await broker.redis.hget(`sluice:job:${id}`, 'stage')) === 'waiting')
    const { studio, ...pools } = broker.config.pools
    if (!studio) throw new Error('the studio is missing')
    const telemetry = await startTelemetry({ role: 'api', node: 'late', env: {} })
    const api = await startApi({
      config: { ...broker.config, pools: { ...pools, studio: { ...studio, residency: 'cloud' } } },
      redis: broker.server.url,
      vaultKey: { current: broker.vaultKey, previous: [] },
      adminKey: null,
      node: 'late',
      telemetry,
      log: silentLog,
    })
    const send: TestBroker['send'] = (path, { json, headers } = {}) =>
      fetch(api.url + path, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(json),
      })
    try {
      const late = { ...broker, send }
      expect((await start(late, await claim(late))).bodyJson).toBe('{}')
    } finally {
      await api.stop(500)
      await telemetry.shutdown()
    }
  })

  it('hand an entry back whose claim nobody waits for any more', async () => {
    await using broker = await startBroker()
    const gone = httpRequest(`${broker.url}/node/v1/claim`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${nodeToken}`, 'content-type': 'application/json' },
        ...{ 'x-sluice-pool': 'studio', 'x-sluice-node': 'mac-1', 'x-sluice-node-protocol': '1' },
      },
    })
    gone.on('error', () => {})
    gone.end(JSON.stringify({ max: 1, maxBatch: 1, waitMs: 20_000 }))
    await once(gone, 'finish')
    gone.destroy()
    const id = await submit(broker)
    expect((await claim(broker, { node: 'mac-2' })).id).toBe(id)
  })

  it('deliver an entry again whose job runs on with nobody to end it', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const claimed = await claim(broker)
    await start(broker, claimed)
    await call(broker, 'complete', { leases: [claimed.lease] })
    const again = await claim(broker)
    expect(again.id).toBe(id)
    expect(await start(broker, again)).toMatchObject({ kind: 'go', fence: 2 })
  })

  it('give a lease that is not renewed to the next node', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const before = await claim(broker)
    await start(broker, before)
    const taken = await eventually('another node has it', async () => {
      const { body } = await call(broker, 'claim', { max: 1, maxBatch: 1, waitMs: 1_000 }, { node: 'mac-2' })
      return (body.entries as Claimed[])[0]
    })
    expect(taken.id).toBe(id)
  })

  it('tell a waiting node at once which job was cancelled, and one that asks later too', async () => {
    await using broker = await startBroker()
    const id = await submit(broker)
    const { attempt } = await start(broker, await claim(broker))
    const heard = call(broker, 'stops', { attempts: [attempt], waitMs: 20_000 })
    const asksAt = await eventually('it listens', async () => {
      const [, listeners] = (await broker.redis.pubsub('NUMSUB', 'sluice:node:mac-1')) as [string, number]
      return listeners > 0
    })
    expect(asksAt).toBe(true)
    await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
    expect((await heard).body).toEqual({ stopped: [id], lostAttempts: [] })
    const later = await call(broker, 'stops', { attempts: [attempt], waitMs: 20_000 })
    expect(later.body).toEqual({ stopped: [], lostAttempts: [attempt] })
  })

  it('offer a configuration without keys, passwords and addresses of other pools', async () => {
    await using broker = await startTestBroker({
      redisPools: [],
      config: {
        pools: httpsPools,
        models: {
          local: {
            deployments: [
              {
                ...{ id: 'studio-a', pool: 'studio', provider: 'openai-compatible', model: 'm', free: true },
                ...{ base_url: 'http://127.0.0.1:9/v1', api_key: 'sk-secret-1', headers: { 'x-key': 'secret-2' } },
              },
              {
                ...{ id: 'cloud-a', pool: 'cloud', provider: 'openai', model: 'gpt-5', rpm: 7 },
                ...{ base_url: 'https://elsewhere.example/v1', api_key: 'sk-secret-3' },
              },
            ],
          },
        },
      },
    })
    const response = await broker.send('/node/v1/config', {
      tenant: null,
      headers: {
        authorization: `Bearer ${nodeToken}`,
        ...{ 'x-sluice-pool': 'studio', 'x-sluice-node': 'mac-1', 'x-sluice-node-protocol': '1' },
      },
    })
    const text = await response.text()
    expect(text).toContain('http://127.0.0.1:9/v1')
    expect(JSON.parse(text)).toMatchObject({ pool: 'studio', keyed: ['studio-a'] })
    for (const secret of ['secret', nodeToken, cloudNodeToken, 'elsewhere.example', 'sk-test', 'acme']) {
      expect(text).not.toContain(secret)
    }
  })
})
