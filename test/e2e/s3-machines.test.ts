import { randomBytes } from 'node:crypto'
import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { ConfigInput } from '../../src/config/schema.ts'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { batchLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { echo, startChatUpstream } from '../support/chat-upstream.ts'
import { startTestRedis } from '../support/redis.ts'
import { RoleProcess } from '../support/role-process.ts'
import { startS3Server } from '../support/s3-server.ts'

const apiKey = 'sk-test-acme-0123456789'

it('roles that share no disk share their files in a bucket', async () => {
  await using cleanup = new AsyncDisposableStack()
  const s3 = cleanup.use(await startS3Server())
  const upstream = cleanup.use(await startChatUpstream(echo))
  const redis = cleanup.use(await startTestRedis())
  const folder = cleanup.use(await mkdtempDisposable(path.join(tmpdir(), 'sluice-machines-'))).path
  const { REDIS_URL: _, SLUICE_CONFIG: __, ...surroundings } = process.env
  const env = {
    ...surroundings,
    REDIS_URL: redis.url,
    SLUICE_VAULT_KEY: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'info',
  }
  /** A role on a machine of its own: another folder, the same bucket. */
  const start = async (name: string, words: readonly string[], port = 0) => {
    const config: ConfigInput = {
      server: { port },
      data_dir: path.join(folder, name),
      blobs: { s3: s3.config },
      pools: { studio: { residency: 'onprem' } },
      models: {
        local: {
          deployments: [
            {
              id: 'a',
              pool: 'studio',
              provider: 'openai-compatible',
              model: 'm',
              free: true,
              base_url: upstream.baseUrlOf('a'),
            },
          ],
        },
      },
      tenants: { acme: { keys: [apiKey] } },
    }
    const file = path.join(folder, `${name}.yaml`)
    await writeFile(file, stringify(config))
    const role = new RoleProcess([...words, '--config', file], env)
    cleanup.defer(async () => void (await role.end('SIGKILL')))
    await role.ready
    return role
  }
  const ports = [await findFreePort(), await findFreePort()]
  const [api, , , , courier] = await Promise.all([
    start('first-api', ['api'], ports[0]),
    start('second-api', ['api'], ports[1]),
    start('auditor', ['auditor']),
    start('dispatcher', ['dispatcher', '--pool', 'studio']),
    start('courier', ['courier']),
  ])
  const [first, second] = ports.map((port) => new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey }))
  if (!first || !second) throw new Error('no clients')

  const lines = Array.from({ length: 40 }, (_, index) => batchLine(`line-${index}`, `echo: answer ${index}`))
  const made = await startBatch(first, lines)
  expect(await (await second.files.content(made.input_file_id)).text()).toBe(lines.join('\n'))
  const batch = await untilEnded(second, made.id, 30_000)
  expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 40, completed: 40, failed: 0 } })
  for (const client of [first, second]) {
    const outcomes = await readOutcomes(client, batch.output_file_id)
    expect(new Set(outcomes.map(({ custom_id: name }) => name)).size).toBe(40)
  }
  await second.files.delete(batch.input_file_id)
  await first.files.delete(batch.output_file_id ?? '')
  expect(await s3.keys()).toEqual([])
  for (const role of [api, courier]) expect(await role.end('SIGTERM')).toBe(0)
  const names = await readdir(folder, { recursive: true })
  expect(names.filter((name) => /blobs|file-/.test(name))).toEqual([])
}, 120_000)
