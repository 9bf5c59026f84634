import { randomBytes } from 'node:crypto'
import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { ConfigInput } from '../../src/config/schema.ts'
import { createJobId, type JobSpec } from '../../src/core/job.ts'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { keyOf } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { startTestRedis } from '../support/redis.ts'
import { dumpRedis } from '../support/redis-dump.ts'
import { RoleProcess } from '../support/role-process.ts'

const jobs = 5_000
const otherJobs = 50
const files = 20
const adminKey = 'admin-test-0123456789abcdef'
const vaultKey = randomBytes(32)

it('goes on where an API that was killed has stopped, and takes nothing from others', async () => {
  await using server = await startTestRedis()
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-erasure-'))
  await using cleanup = new AsyncDisposableStack()
  const port = await findFreePort()
  const dataDir = path.join(folder.path, 'data')
  const file = path.join(folder.path, 'sluice.yaml')
  await writeFile(file, stringify(configFor(port, dataDir)))
  const env = {
    ...process.env,
    REDIS_URL: server.url,
    SLUICE_VAULT_KEY: vaultKey.toString('base64'),
    SLUICE_ADMIN_KEY: adminKey,
    LOG_LEVEL: 'info',
  }
  const [api, courier] = ['api', 'courier'].map((role) => new RoleProcess([role, '--config', file], env))
  if (!api || !courier) throw new Error('no processes')
  cleanup.defer(async () => void (await Promise.all([api, courier].map((role) => role.end('SIGKILL')))))
  await Promise.all([api.ready, courier.ready])
  const redis = cleanup.adopt(connectRedis(server.url, 'worker'), (connection) => connection.disconnect())
  await makeJobs(redis, 'acme', jobs)
  await makeJobs(redis, 'globex', otherJobs)
  const url = `http://127.0.0.1:${port}`
  for (let number = 0; number < files; number += 1) await upload(url, 'acme')
  await upload(url, 'globex')
  const erase = async () => {
    const headers = { authorization: `Bearer ${adminKey}` }
    const answer = await fetch(`${url}/admin/v1/tenants/acme/data`, { method: 'DELETE', headers })
    return (await answer.json()) as { complete: boolean; deleted: { jobs: number; files: number } }
  }

  const count = () => redis.zcard(keys.tenantJobs('acme'))
  // Three lives: killed among the jobs, killed among the files, and one that comes to the end.
  const first = erase().catch(() => null)
  await eventually('some jobs are gone', async () => (await count()) < jobs, 60_000)
  await api.replace()
  await api.ready
  expect(await first).toBeNull()
  const second = erase().catch(() => null)
  const left = await eventually(
    'some files are gone',
    async () => {
      const remaining = await redis.zcard(keys.tenantFiles('acme'))
      return remaining < files && { remaining }
    },
    60_000,
  )
  await api.replace()
  await api.ready
  await second
  expect(await count()).toBe(0)
  expect(left.remaining).toBeLessThan(files)
  await eventually('it is complete', async () => (await erase()).complete, 60_000)
  expect((await erase()).deleted).toMatchObject({ jobs: 0, files: 0 })

  const names = [...(await dumpRedis(redis)).keys()]
  expect(names.filter((name) => /:job_/.test(name)).length).toBe(3 * otherJobs)
  expect(names.filter((name) => name.includes('acme'))).toEqual([])
  expect(await redis.zcard(keys.tenantJobs('globex'))).toBe(otherJobs)
  expect(names.filter((name) => /^sluice:file:[^:]+$/.test(name))).toHaveLength(1)
  expect(await readdir(path.join(dataDir, 'blobs'))).toHaveLength(1)
}, 180_000)

function configFor(port: number, dataDir: string): ConfigInput {
  return {
    server: { port },
    data_dir: dataDir,
    pools: { studio: { residency: 'onprem' } },
    models: {
      local: {
        deployments: [
          {
            ...{ id: 'a', pool: 'studio', provider: 'openai-compatible', model: 'm', free: true },
            base_url: 'http://127.0.0.1:9/v1',
          },
        ],
      },
    },
    tenants: { acme: { keys: [keyOf('acme')] }, globex: { keys: [keyOf('globex')] } },
  }
}

/** Jobs that were answered, with all that such a job leaves but an idempotency key. */
async function makeJobs(redis: Redis, tenant: string, howMany: number): Promise<void> {
  const sealer = createSealer({ current: vaultKey, previous: [] })
  const store = new RedisJobStore({ redis, sealer, resultRetentionMs: 3_600_000, eventRetentionMs: 3_600_000 })
  const createdAtMs = Date.now()
  const make = async () => {
    const id = createJobId()
    const spec: JobSpec = {
      tenant,
      keyId: 'key_1',
      endpoint: '/v1/chat/completions',
      model: 'local',
      surface: 'jobs',
      stream: false,
      includeUsage: false,
      priority: 'standard',
      sensitivity: 'public',
      createdAtMs,
      deadlineMs: createdAtMs + 3_600_000,
    }
    await store.create({ id, spec, bodyJson: '{"messages":[]}' })
    await store.end(id, 'cancel', {})
  }
  for (let at = 0; at < howMany; at += 100) {
    await Promise.all(Array.from({ length: Math.min(100, howMany - at) }, make))
  }
}

async function upload(url: string, tenant: string): Promise<void> {
  const form = new FormData()
  form.set('purpose', 'batch')
  form.set('file', new Blob(['{}\n']), 'input.jsonl')
  const headers = { authorization: `Bearer ${keyOf(tenant)}` }
  const answer = await fetch(`${url}/v1/files`, { method: 'POST', body: form, headers })
  expect(answer.status).toBe(200)
}
