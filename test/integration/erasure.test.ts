import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { verifyTrails } from '../../src/archive/verify-trail.ts'
import { deriveChainKey } from '../../src/core/audit-chain.ts'
import { expectApiError } from '../support/api-errors.ts'
import { readOutcomes, untilEnded } from '../support/batch-lines.ts'
import { eventually } from '../support/eventually.ts'
import { dumpRedis } from '../support/redis-dump.ts'
import { type LivelyBroker, liveThrough, startLivelyBroker, type TenantLife } from '../support/tenant-life.ts'

interface ErasedAnswer {
  readonly before: string
  readonly deleted: Record<string, number>
  readonly kept: Record<string, string>
  readonly complete: boolean
}

/** Keys that name a tenant and are kept on purpose: nothing was said in them. */
const keptKeys = [/^sluice:budget:acme/, /^sluice:rate:(requests|tokens):acme$/]
/** Ids of everything that there is of a tenant, as they stand in keys and values. */
const idPattern = /(?:job_|file-|batch_|we_|dlv_)[0-9a-f]{32}/g

let lively: LivelyBroker
let acme: TenantLife
let globex: TenantLife

beforeAll(async () => {
  lively = await startLivelyBroker()
  ;[acme, globex] = await Promise.all([liveThrough('acme', lively), liveThrough('globex', lively)])
}, 60_000)
afterAll(() => lively[Symbol.asyncDispose]())

async function erase(tenant: string, query = ''): Promise<ErasedAnswer> {
  const headers = { authorization: `Bearer ${lively.broker.adminKey}` }
  const answer = await lively.broker.send(`/admin/v1/tenants/${tenant}/data${query}`, {
    method: 'DELETE',
    tenant: null,
    headers,
  })
  const text = await answer.text()
  expect(answer.status, text).toBe(200)
  return JSON.parse(text) as ErasedAnswer
}

/** The ids of all that a tenant has, by Redis and by what its things name. */
async function idsOf({ tenant, endpoints }: TenantLife): Promise<Set<string>> {
  const { redis } = lively.broker
  const indexes = ['jobs', 'files', 'batches', 'webhook:endpoints', 'webhook:urls'].map(
    (kind) => `sluice:${kind}:${tenant}`,
  )
  const logs = endpoints.map((id) => `sluice:webhook:log:${id}`)
  const lists = await Promise.all([...indexes, ...logs].map((key) => redis.zrange(key, '0', '-1')))
  return new Set(lists.flat())
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
}

describe('a job that is deleted', () => {
  it.each(['webhook', 'failed', 'hanging', 'waiting', 'masked'] as const)(
    'leaves nothing of it behind: %s',
    async (kind) => {
      const { broker } = lively
      const id = globex.jobs[kind]
      const job = () => broker.send(`/v1/jobs/${id}`, { tenant: 'globex' })
      expect((await job()).status).toBe(200)
      await expectApiError(await broker.send(`/v1/jobs/${id}`, { method: 'DELETE' }), {
        status: 404,
        code: 'job_not_found',
        param: 'id',
      })
      const gone = await broker.send(`/v1/jobs/${id}`, { method: 'DELETE', tenant: 'globex' })
      expect(await gone.json()).toEqual({ id, object: 'job', deleted: true })
      expect((await job()).status).toBe(404)
      expect((await broker.send(`/v1/jobs/${id}`, { method: 'DELETE', tenant: 'globex' })).status).toBe(404)

      const dump = await dumpRedis(broker.redis)
      const content = new RegExp(`^sluice:(body|result|events|kept|webhook:.*):.*${id.slice(4)}|${id}-\\d`)
      expect([...dump.keys()].filter((key) => content.test(key))).toEqual([])
      const privateKeys = Object.keys(JSON.parse(dump.get(`sluice:private:${id}`) ?? '{}'))
      expect(privateKeys.filter((field) => field !== 'spec')).toEqual([])
      expect(dump.get(`sluice:private:${id}`) ?? '').not.toContain(globex.marker)
      const events = [...dump].filter(
        ([key, value]) => key.startsWith('sluice:webhook:delivery:') && value.includes(id.slice(4)),
      )
      expect(events).toEqual([])
    },
  )

  it('stands in the audit trail with whoever deleted it', async () => {
    const { broker } = lively
    const id = globex.jobs.webhook
    const reader = new FileArchiveReader(broker.config.data_dir)
    const entry = await eventually('it is told', async () => {
      const lines = await Array.fromAsync(reader.audit('globex', { fromMs: 0, toMs: Date.now() + 60_000 }))
      return lines.map((line) => JSON.parse(line)).find((each) => each.kind === 'action' && each.job === id)
    })
    expect(entry.facts).toMatchObject({ action: 'delete', by: 'tenant', run: null })
    expect(entry.facts.by_key).toMatch(/^key_/)
  })

  it('lets its Idempotency-Key stand for another job', async () => {
    const { broker } = lively
    const json = {
      model: 'local',
      input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'echo: again' }] } },
    }
    const make = async () => {
      const headers = { 'idempotency-key': 'a key that is freed' }
      const answer = await broker.send('/v1/jobs', { json, tenant: 'globex', headers })
      return ((await answer.json()) as { id: string }).id
    }
    const first = await make()
    expect(await make()).toBe(first)
    await broker.send(`/v1/jobs/${first}`, { method: 'DELETE', tenant: 'globex' })
    const second = await make()
    expect(second).not.toBe(first)
    expect(await make()).toBe(second)
  })
})

describe('a tenant whose data is erased', () => {
  it('has left nothing in Redis and on disk but what is kept on purpose, and the counts say what there was', async () => {
    const { broker } = lively
    const { redis } = broker
    const ids = await idsOf(acme)
    const count = async (key: string) => redis.zcard(key)
    const files = await acme.client.files.list()
    const logs = [...acme.endpoints.map((id) => `sluice:webhook:log:${id}`), 'sluice:webhook:urls:acme']
    const deliveries = (await Promise.all(logs.map(count))).reduce((sum, each) => sum + each, 0)
    expect(await count('sluice:jobs:acme')).toBe(acme.jobsMade)

    const answer = await erase('acme')
    expect(answer).toMatchObject({
      object: 'tenant.data.deleted',
      tenant: 'acme',
      complete: true,
      deleted: {
        jobs: acme.jobsMade,
        dead_letters: 1,
        batches: 2,
        files: files.data.length,
        bytes: files.data.reduce((sum, { bytes }) => sum + bytes, 0),
        webhook_endpoints: 2,
        webhook_deliveries: deliveries,
        cached_answers: 1,
        idempotency_keys: 5,
      },
    })
    expect(files.data.length).toBe(3)
    expect(deliveries).toBeGreaterThan(20)
    expect(Object.keys(answer.kept)).toEqual(['ledger', 'usage', 'budgets', 'audit_trail'])

    const left = await eventually('what names its ids is gone', async () => {
      const found: string[] = []
      for (const [key, value] of await dumpRedis(redis)) {
        const named = `${key} ${value}`.match(idPattern)?.some((id) => ids.has(id))
        if (named || value.includes(acme.marker)) found.push(key)
      }
      return found.length === 0 ? found : null
    }).catch((error: unknown) => error)
    expect(left).toEqual([])
    const named = [...(await dumpRedis(redis)).keys()].filter((key) => key.includes('acme'))
    expect(named.filter((key) => !keptKeys.some((pattern) => pattern.test(key)))).toEqual([])

    const stored = await filesBelow(path.join(broker.config.data_dir))
    expect(stored.filter((file) => file.match(idPattern)?.some((id) => ids.has(id)))).toEqual([])
    for (const file of stored) expect(await readFile(file, 'latin1'), file).not.toContain(acme.marker)
    expect(broker.logText()).not.toContain(acme.marker)
  })

  it('says so in an audit trail that still holds, with what it came to', async () => {
    const { broker } = lively
    const reader = new FileArchiveReader(broker.config.data_dir)
    const entries = await eventually('it is told', async () => {
      const lines = await Array.fromAsync(reader.audit('acme', { fromMs: 0, toMs: Date.now() + 60_000 }))
      const found = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'erasure')
      return found.length >= 2 && found
    })
    expect(entries.map(({ facts }) => facts)).toMatchObject([
      { phase: 'begun', by: 'operator' },
      { phase: 'ended', by: 'operator', complete: true, deleted: { jobs: acme.jobsMade, batches: 2 } },
    ])
    expect(await reader.tenants()).toEqual(expect.not.arrayContaining(['_unknown']))
    const heads = await broker.redis.hgetall('sluice:audit:heads')
    const trails = await verifyTrails({
      folder: broker.config.data_dir,
      keys: [deriveChainKey(broker.vaultKey)],
      heads: new Map(
        Object.entries(heads).map(([tenant, text]) => {
          const [seq, hash = ''] = text.split(' ')
          return [tenant, { seq: Number(seq), hash }]
        }),
      ),
    })
    expect(trails.map(({ tenant }) => tenant).sort()).toEqual(['acme', 'globex'])
    expect(trails.flatMap(({ faults }) => faults)).toEqual([])
  })

  it('is nothing more the second time, and can go on working', async () => {
    const again = await erase('acme')
    expect(again.complete).toBe(true)
    expect(Object.values(again.deleted).filter((count) => count !== 0)).toEqual([])
    const messages = [{ role: 'user' as const, content: 'echo: still here' }]
    const answer = await acme.client.chat.completions.create({ model: 'local', messages })
    expect(answer.choices[0]?.message.content).toBe('still here')
  })

  it('keeps what it made after the time that was given', async () => {
    const messages = [{ role: 'user' as const, content: 'echo: later' }]
    const { response } = await acme.client.chat.completions.create({ model: 'local', messages }).withResponse()
    const job = response.headers.get('x-sluice-job-id') ?? ''
    expect((await erase('acme', '?before=2026-01-01T00:00:00Z')).deleted).toMatchObject({ jobs: 0 })
    expect(await erase('acme', '?before=2026-01-01')).toMatchObject({ before: '2026-01-01T00:00:00.000Z' })
    expect((await lively.broker.send(`/v1/jobs/${job}`)).status).toBe(200)
    expect((await erase('acme')).deleted.jobs).toBeGreaterThan(0)
    expect((await lively.broker.send(`/v1/jobs/${job}`)).status).toBe(404)
  })

  it.each(['yesterday', '2026-13-01', '2026-02-31', '2026-01-01T00:00:00', '2999-01-01', ''])(
    'refuses the time "%s"',
    async (before) => {
      const headers = { authorization: `Bearer ${lively.broker.adminKey}` }
      const path = `/admin/v1/tenants/acme/data?before=${before}`
      const answer = await lively.broker.send(path, { method: 'DELETE', tenant: null, headers })
      await expectApiError(answer, {
        status: 400,
        code: 'invalid_request',
        param: 'before',
        message: /2026-11-21T08:00:00Z/,
      })
    },
  )

  it('takes nothing from another tenant', async () => {
    const { broker } = lively
    const { client, marker } = globex
    const jobs = await broker.redis.zcard('sluice:jobs:globex')
    // Those that the tests above have deleted, and the one that they made.
    expect(jobs).toBe(globex.jobsMade - 5 + 1)
    const next = await client.responses.create({
      model: 'local',
      previous_response_id: globex.response,
      input: `echo: ${marker} goes on`,
    })
    expect(next.output_text).toBe(`${marker} goes on`)
    const batch = await client.batches.retrieve(globex.batch)
    expect(batch.request_counts).toEqual({ total: 3, completed: 3, failed: 0 })
    const outcomes = await readOutcomes(client, batch.output_file_id)
    expect(outcomes.map(({ response }) => response?.body.choices?.[0]?.message.content).sort()).toEqual(
      [1, 2, 3].map((at) => `${marker} ${at}`),
    )
    expect((await client.batches.retrieve(globex.runningBatch)).status).toBe('in_progress')
    const calls = broker.upstream.calls.length
    const messages = [{ role: 'user' as const, content: `echo: ${marker} kept` }]
    const cached = await client.chat.completions.create({ model: 'cached', messages })
    expect(cached.choices[0]?.message.content).toBe(`${marker} kept`)
    expect(broker.upstream.calls.length).toBe(calls)
    const log = await broker.send(`/v1/webhooks/endpoints/${globex.endpoints[0]}/deliveries`, { tenant: 'globex' })
    expect(((await log.json()) as { data: unknown[] }).data.length).toBeGreaterThan(5)
  })

  it('is listed with what there is of it', async () => {
    const headers = { authorization: `Bearer ${lively.broker.adminKey}` }
    const answer = await lively.broker.send('/admin/v1/tenants', { tenant: null, headers })
    const { data } = (await answer.json()) as { data: { name: string }[] }
    expect(data).toEqual([
      { name: 'acme', configured: true, jobs: 0, files: 0, batches: 0, webhook_endpoints: 0 },
      { name: 'globex', configured: true, jobs: expect.any(Number), files: 3, batches: 2, webhook_endpoints: 2 },
    ])
  })

  it('must be one', async () => {
    const headers = { authorization: `Bearer ${lively.broker.adminKey}` }
    const ask = (name: string) =>
      lively.broker.send(`/admin/v1/tenants/${name}/data`, { method: 'DELETE', tenant: null, headers })
    await expectApiError(await ask('acmee'), { status: 404, code: 'tenant_not_found', param: 'tenant' })
    expect((await lively.broker.send('/admin/v1/tenants/acme/data', { method: 'DELETE' })).status).toBe(401)
  })
})

describe('a line of a batch that runs', () => {
  it('has failed when its job is deleted, and is not run again', async () => {
    const { broker } = lively
    const { client, runningBatch: id, marker } = globex
    const jobs = await broker.redis.hkeys(`sluice:batch:${id}:open`)
    expect(jobs).toHaveLength(2)
    const calls = broker.upstream.calls.length
    for (const job of jobs) {
      const gone = await broker.send(`/v1/jobs/${job}`, { method: 'DELETE', tenant: 'globex' })
      expect(gone.status).toBe(200)
    }
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 0, failed: 2 } })
    const outcomes = await readOutcomes(client, batch.error_file_id)
    expect(outcomes.map((line) => [line.custom_id, line.response?.body.error?.code]).sort()).toEqual([
      [`${marker}-1`, 'job_cancelled'],
      [`${marker}-2`, 'job_cancelled'],
    ])
    expect(broker.upstream.calls.length).toBe(calls)
  })
})
