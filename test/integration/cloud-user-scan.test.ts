import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { entities } from '../../src/core/pii/entities.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { keyOf, startTestBroker, type TestBroker, webhookSecret } from '../support/broker.ts'
import { type ChatCall, type ChatScript, chunkRecord, refuse, say } from '../support/chat-upstream.ts'
import { createCloudUser, readAllAs, type Sight } from '../support/cloud-user.ts'
import { eventually } from '../support/eventually.ts'
import { redisSource } from '../support/redis-source.ts'

/**
 * The claim of the trust boundary, checked where it counts: in all that the Redis user of a cloud dispatcher can read,
 * during and after a run of jobs with values of every kind, there is no such value.
 */
const chatPath = '/v1/chat/completions'
const noPermission = /NOPERM|No permissions/
/** Shorter ones come up by chance: in ids, in times. */
const shortest = 8
const detector = createBuiltinDetector({ entities: new Set(entities) })

interface Plant {
  readonly entity: string
  readonly texts: readonly string[]
  readonly values: readonly string[]
}

/** Every recognizer's own examples, and the values in them. */
const examined = [
  ...recognizers.map(({ entity, examples }) => ({ entity, marked: examples.finds })),
  { entity: 'PERSON', marked: ['Dear Mrs. ⟦Margaret Holloway⟧, regards, Dr. Tobias Winterfeld'] },
].map(({ entity, marked }) => {
  const texts = marked.map((text) => text.replace(/[⟦⟧]/g, ''))
  const findings = detector.detect(texts.map((text) => ({ name: 'content', text })))
  const found = texts.flatMap((text, index) => (findings[index] ?? []).map(({ start, end }) => text.slice(start, end)))
  const values = [...found, ...marked.flatMap((text) => /⟦(.*)⟧/s.exec(text)?.[1] ?? [])]
  const rest = texts.map((text, index) => (findings[index] ?? []).reduceRight(cutOut, text)).join('\n')
  return { entity, texts, values, rest }
})
function cutOut(text: string, { start, end }: { start: number; end: number }): string {
  return `${text.slice(0, start)}…${text.slice(end)}`
}
/** A name in one text may be an ordinary word in another: there it is to be read, and may be. */
const ordinary = examined.map(({ rest }) => rest).join('\n')
const plants: readonly Plant[] = examined.map(({ entity, texts, values }) => ({
  entity,
  texts,
  values: values.filter((value) => value.length >= shortest && !ordinary.includes(value)),
}))
const planted = new Set(plants.flatMap(({ values }) => values))

/** A value as it stands in JSON, and in JSON that stands in JSON. */
const inJson = (text: string) => JSON.stringify(text).slice(1, -1)
const spellings = [...planted].map(
  (value) => [value, new Set([value, inJson(value), inJson(inJson(value)), inJson(inJson(inJson(value)))])] as const,
)
const plantedIn = (text: string) =>
  spellings.filter(([, forms]) => [...forms].some((form) => text.includes(form))).map(([value]) => value)

function leaksOf({ readable }: Sight): string[] {
  return [...readable].flatMap(([key, value]) => plantedIn(key + value).map((found) => `${key}: ${found}`))
}

/** Says back all that it was sent. */
const parrot: ChatScript = (call, response) => {
  const { messages } = JSON.parse(call.request.body) as { messages: { content: string }[] }
  return say(messages.map(({ content }) => content).join('\n'))(call, response)
}

/** What a job says that every upstream refuses, with the request in the refusal. */
const refusal = 'This one is refused.'

/** Fails each job once in one of several ways, each with the request in it, and then says it back. */
function unreliable(): ChatScript {
  const failed = new Set<string>()
  const failures: ChatScript[] = [
    refuse(500),
    (call, response) => void response.writeHead(500).end(call.request.body),
    (call, response) => void response.writeHead(200).end(call.request.body),
    (call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: call.prompt }), () => response.destroy())
    },
  ]
  return (call, response) => {
    if (call.request.body.includes(refusal)) return void response.writeHead(400).end(call.request.body)
    // Not by the whole body: what a budget leaves for the answer changes from one attempt to the next.
    const key = `${call.deployment} ${JSON.stringify(JSON.parse(call.request.body).messages)}`
    if (failed.has(key)) return parrot(call, response)
    failed.add(key)
    const fail = failures[failed.size % failures.length] ?? parrot
    return fail(call, response)
  }
}

// The WebAssembly server has one user.
describe.skipIf(redisSource() === 'wasm')('a cloud dispatcher as the Redis user of docs/operations.md', () => {
  let broker: TestBroker
  let cloud: Redis
  let receiver: ScriptedUpstream
  const gate = Promise.withResolvers<void>()
  /** All that the user could read, while calls were under way and when all was over. */
  const sights: Sight[] = []
  const jobs = { masked: [] as string[], restricted: [] as string[], refused: [] as string[] }

  async function makeJob(plant: Plant, stream: boolean, more: object): Promise<string> {
    const messages = plant.texts.map((content) => ({ role: 'user', content }))
    const body = { messages, stream, user: plant.texts[0], metadata: { about: plant.texts[0] } }
    const notes = { owner: (plant.values[0] ?? '').slice(0, 200) }
    const json = { input: { endpoint: chatPath, body }, metadata: notes, tags: notes, ...more }
    const headers = { 'idempotency-key': `${Math.random()} ada.lovelace@example.com` }
    const made = await broker.send('/v1/jobs', { json, headers })
    expect(made.status).toBe(202)
    return ((await made.json()) as { id: string }).id
  }

  const endOf = async (id: string) =>
    (await (await broker.send(`/v1/jobs/${id}?wait=60`)).json()) as {
      status: string
      masked: object
      attempts: object[]
    }

  beforeAll(async () => {
    const url = Promise.withResolvers<string>()
    receiver = await startUpstream((response) => void response.writeHead(204).end())
    const price = { input: 1, output: 2 }
    broker = await startTestBroker({
      models: {
        cloud: [{ id: 'cloud-a', pool: 'cloud', price }],
        both: [
          { id: 'cloud-b', pool: 'cloud', price },
          { id: 'studio-b', pool: 'studio' },
        ],
        local: [{ id: 'studio-a', pool: 'studio' }],
      },
      async dispatcherRedis(pool, server) {
        if (pool !== 'cloud') return server.url
        const ofUser = await createCloudUser(server)
        url.resolve(ofUser)
        return ofUser
      },
      config: {
        tenants: {
          acme: {
            keys: [keyOf('acme')],
            webhook_secret: webhookSecret,
            auditor: { profile: 'strict' },
            budgets: [{ usd: 1_000, per: 'day' }],
            limits: { concurrency: 40, tpm: 1_000_000_000 },
          },
        },
      },
    })
    cloud = connectRedis(await url.promise, 'worker')
    const script = unreliable()
    broker.upstream.script = async (call, response) => {
      await gate.promise
      return script(call, response)
    }
    for (const [index, plant] of plants.entries()) {
      const stream = index % 2 === 1
      jobs.masked.push(
        await makeJob(plant, stream, { model: index % 3 === 0 ? 'both' : 'cloud', webhook: { url: receiver.url } }),
      )
      jobs.restricted.push(await makeJob(plant, !stream, { model: 'local', sensitivity: 'restricted' }))
    }
    for (const plant of plants.slice(0, 5)) {
      const refused = { ...plant, texts: [...plant.texts, refusal] }
      jobs.refused.push(await makeJob(refused, false, { model: 'cloud' }))
      jobs.refused.push(await makeJob(refused, true, { model: 'local', sensitivity: 'restricted' }))
    }
    await broker.upstream.callOf(({ number }) => number >= 16)
    sights.push(await readAllAs(cloud))
    gate.resolve()
    sights.push(await readAllAs(cloud))
    await Promise.all([...jobs.masked, ...jobs.restricted, ...jobs.refused].map(endOf))
    sights.push(await readAllAs(cloud))
  }, 120_000)
  afterAll(async () => {
    gate.resolve()
    cloud?.disconnect()
    await broker?.[Symbol.asyncDispose]()
    await receiver?.[Symbol.asyncDispose]()
  })

  it('does its work: jobs are served, some after failures, and their callers get the values back', async () => {
    const ends = await Promise.all([...jobs.masked, ...jobs.restricted].map(endOf))
    expect(ends.filter(({ status }) => status !== 'completed')).toEqual([])
    expect(ends.filter(({ attempts }) => attempts.length > 1).length).toBeGreaterThan(10)
    expect(ends.slice(0, jobs.masked.length).filter(({ masked }) => Object.keys(masked).length === 0)).toEqual([])
    expect(JSON.stringify(ends.slice(0, jobs.masked.length))).toContain(inJson('Margaret Holloway'))
    const refused = await Promise.all(jobs.refused.map(endOf))
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set(['failed']))
    expect(broker.logText()).not.toContain('NOPERM')
  })

  it('leaves what others do after it: webhooks are sent, money and permits are given back', async () => {
    await eventually('all webhooks', () => receiver.requests.length >= jobs.masked.length)
    await eventually('the end of all records', async () => (await broker.redis.xlen('sluice:records')) === 0)
    expect(await broker.redis.zcard('sluice:holds')).toBe(0)
    expect(await broker.redis.scard('sluice:running:acme')).toBe(0)
  })

  it('is sent no value of any kind', () => {
    const ofCloud = broker.upstream.calls.filter(({ deployment }) => deployment.startsWith('cloud'))
    expect(ofCloud.length).toBeGreaterThan(plants.length)
    const leaks = (call: ChatCall) => plantedIn(call.request.body)
    expect([...new Set(ofCloud.flatMap(leaks))]).toEqual([])
  })

  it('can read no value of any kind in Redis, while jobs run and after', () => {
    expect(planted.size).toBeGreaterThan(100)
    for (const sight of sights) {
      expect(sight.readable.size).toBeGreaterThan(plants.length)
      expect(leaksOf(sight)).toEqual([])
    }
    // What it reads is what it needs, and the scan can tell: bodies of the pool were there to be found.
    const [during] = sights
    const bodies = [...(during?.readable ?? [])].filter(([key]) => key.startsWith('sluice:body:cloud:'))
    expect(bodies.some(([, value]) => /<[A-Z]+_1>/.test(value))).toBe(true)
  })

  it('is told at its start when it may not write records', async () => {
    const without = ['%W~sluice:records']
    const broken = startTestBroker({ dispatcherRedis: (_pool, server) => createCloudUser(server, without) })
    await expect(broken).rejects.toThrow(/may not write sluice:records.*Redis users/)
  })

  it('would find the values where they are: as another user they are there to be read', async () => {
    const [id] = jobs.restricted
    const everything = await readAllAs(broker.redis)
    expect(everything.refused).toEqual([])
    expect(plantedIn(everything.readable.get(`sluice:result:${id}`) ?? '').length).toBeGreaterThan(0)
  })

  it('is refused bodies as written, vaults, answers, records, other lanes, and other pools’ bodies', async () => {
    const id = jobs.masked[0] ?? ''
    const refused = new Set(sights.flatMap((sight) => sight.refused))
    const kinds = [...refused].map((key) =>
      key
        .split(':')
        .slice(0, key.startsWith('sluice:queue') ? 3 : 2)
        .join(':'),
    )
    expect(kinds).toEqual(
      expect.arrayContaining(['sluice:private', 'sluice:result', 'sluice:events', 'sluice:jobs', 'sluice:idempotency']),
    )
    expect([...refused]).toContain(`sluice:private:${id}`)
    expect(kinds.some((kind) => kind.startsWith('sluice:queue:intake'))).toBe(true)
    expect(kinds.some((kind) => /^sluice:queue:lane\.studio\.restricted/.test(kind))).toBe(true)
    expect([...refused].some((key) => key.startsWith('sluice:body:studio:'))).toBe(true)
    const readable = sights.flatMap((sight) => [...sight.readable.keys()])
    expect(
      readable.filter((key) => /^sluice:(private|result|events|records|audit|usage|budget|hold)/.test(key)),
    ).toEqual([])
    const reads = [
      () => cloud.hgetall(`sluice:private:${id}`),
      () => cloud.xrange('sluice:records', '-', '+'),
      () => cloud.xread('COUNT', 1, 'STREAMS', 'sluice:records', '0'),
      () => cloud.get(`sluice:result:${id}`),
      () => cloud.getdel(`sluice:result:${id}`),
      () => cloud.set(`sluice:result:${id}`, 'x', 'GET'),
      () => cloud.copy(`sluice:result:${id}`, `sluice:job:${id}`),
      () => cloud.rename(`sluice:events:${id}`, `sluice:job:${id}`),
      () => cloud.lpop(`sluice:events:${id}`),
      () => cloud.config('GET', '*'),
      () => cloud.acl('LIST'),
    ]
    for (const read of reads) await expect(read()).rejects.toThrow(noPermission)
  })

  it('hears no answers of others: it may tell the API something and not listen', async () => {
    await expect(cloud.subscribe('sluice:api:some-process')).rejects.toThrow(noPermission)
    await expect(cloud.psubscribe('sluice:*')).rejects.toThrow(noPermission)
    await expect(cloud.psubscribe('sluice:api:*')).rejects.toThrow(noPermission)
  })
})
