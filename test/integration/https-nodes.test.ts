import { describe, expect, it } from 'vitest'
import { startApi } from '../../src/compose/api.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, echo, hang, lastRecords, refuse, say } from '../support/chat-upstream.ts'
import { startCuttableProxy } from '../support/cuttable-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { cloudNodeToken, httpsPools, startHttpsNode } from '../support/https-node.ts'
import { silentLog } from '../support/mortal.ts'
import { startRoundRobin } from '../support/round-robin.ts'
import { contentOf, isComment, readRecords } from '../support/sse-reader.ts'

const startBroker = (options: Parameters<typeof startTestBroker>[0] = {}) =>
  startTestBroker({ redisPools: [], ...options, config: { pools: httpsPools, ...options.config } })

const chat = (prompt: string, more: object = {}) => ({
  model: 'local',
  messages: [{ role: 'user', content: prompt }],
  ...more,
})

async function submit(broker: TestBroker, prompt: string, more: object = {}, stream = false): Promise<string> {
  const body = { stream, messages: [{ role: 'user', content: prompt }] }
  const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body }, ...more }
  const response = await broker.send('/v1/jobs', { json })
  return ((await response.json()) as { id: string }).id
}

const jobOf = async (broker: TestBroker, id: string) =>
  (await (await broker.send(`/v1/jobs/${id}?wait=20`)).json()) as {
    status: string
    deployment: string | null
    attempts: { deployment: string; outcome: string }[]
    result: { choices: { message: { content: string } }[] } | null
  }

/** What the events of a job say. */
async function storyOf(broker: TestBroker, id: string): Promise<string> {
  const records: string[] = []
  for await (const record of readRecords(await broker.send(`/v1/jobs/${id}/events`))) {
    if (!isComment(record)) records.push(record)
  }
  return contentOf(records)
}

/** Another process of the API beside the broker's, as far as Redis and HTTP can tell. */
async function startSecondApi(broker: TestBroker) {
  const telemetry = await startTelemetry({ role: 'api', node: 'second', env: {} })
  const api = await startApi({
    config: broker.config,
    redis: broker.server.url,
    vaultKey: { current: broker.vaultKey, previous: [] },
    adminKey: null,
    node: 'second',
    telemetry,
    log: silentLog,
  })
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= api.stop(500).finally(() => telemetry.shutdown())
    return stopped
  }
  return { url: api.url, stop, [Symbol.asyncDispose]: stop }
}

describe('a node over HTTPS', () => {
  it('answers a chat', async () => {
    await using broker = await startBroker()
    await using node = await startHttpsNode(broker.url)
    const response = await broker.send('/v1/chat/completions', { json: chat('echo: hello, ada@example.com') })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'hello, ada@example.com' } }] })
    expect(node.logText()).not.toContain('ada@example.com')
    expect(broker.logText()).not.toContain('ada@example.com')
  })

  it('streams a chat as the upstream sends it', async () => {
    const half = Promise.withResolvers<void>()
    await using broker = await startBroker({
      script: async (_call, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(chunkRecord({ content: 'first ' }))
        await half.promise
        response.write(chunkRecord({ content: 'second' }))
        response.end(lastRecords())
      },
    })
    await using _node = await startHttpsNode(broker.url)
    const response = await broker.send('/v1/chat/completions', { json: chat('go', { stream: true }) })
    const records: string[] = []
    for await (const record of readRecords(response)) {
      if (isComment(record)) continue
      records.push(record)
      // The second half is only generated once the first one has arrived here.
      if (record.includes('first ')) half.resolve()
    }
    expect(records.at(-1)).toBe('data: [DONE]\n\n')
    expect(records.join('')).toContain('second')
  })

  it('aborts the upstream within a second of the cancel', async () => {
    const closed = Promise.withResolvers<number>()
    await using broker = await startBroker({
      script: (_call, response) => {
        response.once('close', () => closed.resolve(Date.now()))
      },
    })
    await using _node = await startHttpsNode(broker.url)
    const id = await submit(broker, 'take your time')
    await broker.upstream.callOf(() => true)
    const cancelledMs = Date.now()
    await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
    expect((await closed.promise) - cancelledMs).toBeLessThan(1_000)
    expect((await jobOf(broker, id)).status).toBe('cancelled')
  })

  it('goes on where it was when all its connections break in the middle of a stream', async () => {
    const middle = Promise.withResolvers<void>()
    await using broker = await startBroker({
      script: async (_call, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let piece = 0; piece < 10; piece += 1) {
          response.write(chunkRecord({ content: `${piece} ` }))
          if (piece === 4) await middle.promise
        }
        response.end(lastRecords())
      },
    })
    await using proxy = await startCuttableProxy(broker.url)
    await using node = await startHttpsNode(proxy.url)
    const id = await submit(broker, 'count', {}, true)
    await broker.upstream.callOf(() => true)
    await eventually('the first half is there', async () => (await broker.redis.llen(`sluice:events:${id}`)) >= 7)
    proxy.cut()
    middle.resolve()
    await eventually('the node has noticed', () => node.logText().includes('the broker is away'))
    proxy.mend()
    const job = await jobOf(broker, id)
    expect(job).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] })
    expect(await storyOf(broker, id)).toBe('0 1 2 3 4 5 6 7 8 9 ')
    expect(node.logText().match(/the broker is away/g)).toHaveLength(1)
    expect(node.logText()).toContain('the broker is back')
  })

  it('works through any process of the API, and goes on when one of them goes', async () => {
    const middle = Promise.withResolvers<void>()
    await using broker = await startBroker({
      script: async (_call, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let piece = 0; piece < 10; piece += 1) {
          response.write(chunkRecord({ content: `${piece} ` }))
          await new Promise((resolve) => setTimeout(resolve, 20))
          if (piece === 4) await middle.promise
        }
        response.end(lastRecords())
      },
    })
    await using second = await startSecondApi(broker)
    await using balancer = await startRoundRobin([broker.url, second.url])
    await using _node = await startHttpsNode(balancer.url)
    const ids = await Promise.all(Array.from({ length: 4 }, () => submit(broker, 'count', {}, true)))
    await eventually('all have begun', () => broker.upstream.calls.length === ids.length)
    // Three renewals in a lease: after six of them each lease has been renewed here and there.
    const renewals = () => balancer.seen.filter(({ path }) => path === '/node/v1/renew')
    await eventually('leases have been renewed by both', () => renewals().length >= 6)
    expect(new Set(renewals().map(({ target }) => target))).toEqual(new Set([broker.url, second.url]))
    balancer.leaveOut(second.url)
    await second.stop()
    middle.resolve()
    for (const id of ids) {
      expect(await jobOf(broker, id)).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] })
      expect(await storyOf(broker, id)).toBe('0 1 2 3 4 5 6 7 8 9 ')
    }
  }, 30_000)

  it('hands a job that fails at it to a pool on Redis, and takes one over that fails there', async () => {
    await using broker = await startBroker({
      redisPools: ['cloud'],
      script: (call, response) => (call.deployment.endsWith('-bad') ? refuse(401) : echo)(call, response),
      models: {
        outward: [
          { id: 'studio-bad', pool: 'studio' },
          { id: 'cloud-good', pool: 'cloud' },
        ],
        inward: [
          { id: 'cloud-bad', pool: 'cloud' },
          { id: 'studio-good', pool: 'studio' },
        ],
      },
    })
    await using _node = await startHttpsNode(broker.url)
    const outward = await submit(broker, 'echo: out', { model: 'outward', sensitivity: 'public' })
    const inward = await submit(broker, 'echo: in', { model: 'inward', sensitivity: 'public' })
    expect(await jobOf(broker, outward)).toMatchObject({
      ...{ status: 'completed', deployment: 'cloud-good' },
      attempts: [{ deployment: 'studio-bad', outcome: 'auth' }, { outcome: 'completed' }],
    })
    expect(await jobOf(broker, inward)).toMatchObject({ status: 'completed', deployment: 'studio-good' })
  })

  it('keeps to limits that it knows from the broker only, and wakes what it has parked', async () => {
    let running = 0
    let peak = 0
    await using broker = await startBroker({
      script: async (call, response) => {
        running += 1
        peak = Math.max(peak, running)
        await new Promise((resolve) => setTimeout(resolve, 50))
        running -= 1
        await echo(call, response)
      },
      models: { narrow: [{ id: 'studio-n', pool: 'studio', max_parallel: 2, per_node: false }] },
    })
    await using _node = await startHttpsNode(broker.url, { concurrency: 8 })
    await using _other = await startHttpsNode(broker.url, { concurrency: 8, node: 'mac-2' })
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, index) => submit(broker, `echo: ${index}`, { model: 'narrow' })),
    )
    const jobs = await Promise.all(ids.map((id) => jobOf(broker, id)))
    expect(jobs.map(({ status, attempts }) => [status, attempts.length])).toEqual(jobs.map(() => ['completed', 1]))
    expect(peak).toBe(2)
  })

  it('gives what it has in hand to another node when it is told to stop', async () => {
    await using broker = await startBroker({
      script: (call, response) => (call.number === 1 ? hang : echo)(call, response),
    })
    const leaving = await startHttpsNode(broker.url)
    const id = await submit(broker, 'echo: moved')
    await broker.upstream.callOf(() => true)
    await using _staying = await startHttpsNode(broker.url, { node: 'mac-2' })
    await leaving.stop(0)
    expect(await jobOf(broker, id)).toMatchObject({
      status: 'completed',
      result: { choices: [{ message: { content: 'moved' } }] },
    })
  })

  it('is listed with what it found, and takes nothing new once it is told to drain', async () => {
    await using broker = await startBroker({ config: { nodes: { heartbeat: '100ms' } } })
    await using node = await startHttpsNode(broker.url, { node: 'mac-listed' })
    const admin = { tenant: null, headers: { authorization: `Bearer ${broker.adminKey}` } }
    const listed = async () => {
      const { data } = (await (await broker.send('/admin/v1/nodes', admin)).json()) as { data: { status: string }[] }
      return data[0]
    }
    expect(await eventually('it is listed', listed)).toMatchObject({
      ...{ name: 'mac-listed', pool: 'studio', transport: 'https', status: 'ready' },
      deployments: [{ id: 'studio-a' }, { id: 'studio-b' }],
    })
    await broker.send('/admin/v1/nodes/mac-listed/drain', { ...admin, method: 'POST' })
    await eventually('it drains', async () => (await listed())?.status === 'draining')
    const id = await submit(broker, 'echo: not here')
    await using _other = await startHttpsNode(broker.url, { node: 'mac-2' })
    expect((await jobOf(broker, id)).status).toBe('completed')
    expect(node.logText()).not.toContain(id)
  })

  it('is refused at its start with a word on what is wrong', async () => {
    await using broker = await startBroker()
    await expect(startHttpsNode(broker.url, { token: 'another-token' })).rejects.toMatchObject({
      ...{ name: 'BrokerRefusal', status: 401, code: 'invalid_node_token' },
    })
    await expect(startHttpsNode(broker.url, { token: cloudNodeToken })).rejects.toMatchObject({
      ...{ name: 'BrokerRefusal', status: 403, code: 'node_forbidden' },
    })
  })

  it('waits for a broker that is not there yet', async () => {
    await using broker = await startBroker()
    await using proxy = await startCuttableProxy(broker.url)
    proxy.cut()
    const starting = startHttpsNode(proxy.url)
    const id = await submit(broker, 'echo: late')
    proxy.mend()
    await using _node = await starting
    expect((await jobOf(broker, id)).status).toBe('completed')
  })

  it('brings answers of many megabytes', async () => {
    const text = 'a "word" and \\ '.repeat(1_500_000)
    await using broker = await startBroker({ script: say(text) })
    await using _node = await startHttpsNode(broker.url)
    const id = await submit(broker, 'much')
    // Not asked of the API, whose own answers of this size are slow.
    const stageOf = () => broker.redis.hget(`sluice:job:${id}`, 'stage')
    const isOpen = ['intake', 'auditing', 'waiting', 'running', 'retrying']
    await eventually('it has ended', async () => !isOpen.includes((await stageOf()) ?? ''), 40_000)
    expect(await stageOf()).toBe('completed')
    expect(await broker.redis.strlen(`sluice:result:${id}`)).toBeGreaterThan(text.length)
  }, 60_000)
})
