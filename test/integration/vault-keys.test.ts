import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJobId, type JobId, type JobSpec } from '../../src/core/job.ts'
import type { RouteDecision } from '../../src/core/ports.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { createSealer, type VaultKeys, vaultKeyId } from '../../src/store/sealing.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'
import { dumpRedis } from '../support/redis-dump.ts'

const older = randomBytes(32)
const newer = randomBytes(32)
const words = 'Ada Lovelace, ada@example.com'
const bodyJson = JSON.stringify({ messages: [{ role: 'user', content: words }] })
const vault = new Map([['<PERSON_1>', 'Ada Lovelace']])

let server: TestRedis
let redis: ReturnType<typeof connectRedis>
beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

/** A process of its own, as far as keys go. */
function startStore(keys: VaultKeys): RedisJobStore {
  return new RedisJobStore({
    redis,
    sealer: createSealer(keys),
    resultRetentionMs: 60_000,
    eventRetentionMs: 60_000,
  })
}

function specOf(): JobSpec {
  const createdAtMs = Date.now()
  return {
    tenant: 'default',
    keyId: 'key',
    endpoint: '/v1/chat/completions',
    model: 'm',
    surface: 'jobs',
    stream: false,
    includeUsage: false,
    priority: 'batch',
    sensitivity: 'internal',
    createdAtMs,
    deadlineMs: createdAtMs + 60_000,
  }
}

function decisionFor(spec: JobSpec): RouteDecision {
  const candidates = [{ deployment: 'd', pool: 'cloud' }]
  const { endpoint, surface, stream, includeUsage, model, sensitivity, priority, deadlineMs } = spec
  return {
    plan: { endpoint, surface, stream, includeUsage, model, masked: true, candidates },
    lane: { pool: 'cloud', sensitivity, priority },
    sensitivity,
    reason: 'test',
    masked: { PERSON: 1 },
    bodies: new Map([['cloud', '{"messages":[]}']]),
    vault,
    deadlineMs,
    record: {
      kind: 'decision',
      atMs: spec.createdAtMs,
      asked: sensitivity,
      sensitivity,
      reason: 'test',
      found: { PERSON: 1 },
      masked: { PERSON: 1 },
      detectors: ['builtin'],
      candidates: ['d'],
      reserved: 0,
    },
  }
}

/** Key ids and wrapped keys of what is sealed for a job. */
async function sealedWith(id: JobId): Promise<{ keyIds: string[]; wrapped: string[] }> {
  const fields = await redis.hgetall(`sluice:private:${id}`)
  const sealed = Object.values(fields).filter((value) => value.startsWith('sealed:'))
  const parts = sealed.map((value) => value.split(':'))
  return { keyIds: parts.map((part) => part[2] ?? ''), wrapped: parts.map((part) => part[3] ?? '') }
}

describe('the body and the vault of a job', () => {
  it('are sealed with one key of the job, whoever sealed which, and Redis holds neither in the clear', async () => {
    const id = createJobId()
    const spec = specOf()
    await startStore({ current: older, previous: [] }).create({ id, spec, bodyJson })
    const auditor = startStore({ current: older, previous: [] })
    expect(await auditor.startAudit(id)).toMatchObject({ kind: 'go', bodyJson })
    await auditor.route(id, decisionFor(spec))

    const { keyIds, wrapped } = await sealedWith(id)
    expect(keyIds).toEqual([vaultKeyId(older), vaultKeyId(older)])
    expect(new Set(wrapped).size).toBe(1)
    expect([...(await dumpRedis(redis)).values()].filter((value) => value.includes('Lovelace'))).toEqual([])
    expect(await startStore({ current: older, previous: [] }).readVault(id)).toEqual(vault)
  })

  it('stay readable while the vault key changes, step by step', async () => {
    const id = createJobId()
    const spec = specOf()
    await startStore({ current: older, previous: [] }).create({ id, spec, bodyJson })
    // The auditor has the new key already, the API does not seal with it yet.
    const auditor = startStore({ current: newer, previous: [older] })
    expect(await auditor.startAudit(id)).toMatchObject({ kind: 'go', bodyJson })
    await auditor.route(id, decisionFor(spec))
    expect((await sealedWith(id)).keyIds.sort()).toEqual([vaultKeyId(older), vaultKeyId(newer)].sort())
    expect(await startStore({ current: older, previous: [newer] }).readVault(id)).toEqual(vault)
    expect(await startStore({ current: newer, previous: [] }).readVault(id)).toEqual(vault)
    await expect(startStore({ current: newer, previous: [] }).startAudit(id)).resolves.toMatchObject({ kind: 'routed' })
  })
})
