import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { tryBucket } from '../../src/compose/blobs.ts'
import { type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { runCli } from '../support/cli-process.ts'
import { eventually } from '../support/eventually.ts'
import { startTestRedis } from '../support/redis.ts'
import { RoleProcess } from '../support/role-process.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server({ prefix: 'sluice' })
})
afterAll(() => s3[Symbol.asyncDispose]())
beforeEach(() => {
  s3.trouble = null
})

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const secret = 'secret-of-the-bucket'

function fileWith(more: object): ConfigInput {
  return {
    server: { port: 0 },
    blobs: { s3: { ...s3.config, ...more } },
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
            base_url: 'http://127.0.0.1:9',
          },
        ],
      },
    },
    tenants: { acme: { keys: ['sk-test-acme-0123456789'] } },
  }
}

const tryWith = (more: object) => tryBucket(configSchema.parse(fileWith(more)), silent)

describe('a bucket that is tried out', () => {
  it('is left as it was', async () => {
    expect(await tryWith({})).toEqual({ keepsVersions: false })
    expect(await s3.keys()).toEqual([])
    expect(await s3.uploads()).toEqual([])
  })

  it('may keep versions, and is left without any', async () => {
    await using versioned = await startS3Server({ isVersioned: true })
    expect(await tryWith(versioned.config)).toEqual({ keepsVersions: true })
    expect(await versioned.versions()).toEqual([])
  })

  it.each([
    [{ bucket: 'no-such-bucket' }, /NoSuchBucket \(404\) at PutObject: there is no such bucket/],
    [{ access_key_id: 'unknown' }, /InvalidAccessKeyId \(403\) at PutObject: the access_key_id is not known there/],
    [{ secret_access_key: secret }, /SignatureDoesNotMatch \(403\) at PutObject: the secret_access_key is wrong/],
  ])('and has other keys than %o is refused with the reason', async (more, message) => {
    const error = await tryWith(more).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: 'UnusableBucketError', message: expect.stringMatching(message) })
    expect(String(error)).not.toContain(secret)
  })

  it.each([
    ...['PutObject', 'GetObject', 'ListObjectsV2', 'CreateMultipartUpload', 'AbortMultipartUpload'],
    ...['ListMultipartUploads', 'GetBucketVersioning', 'DeleteObject'],
  ])('and does not allow %s is refused with its name', async (operation) => {
    s3.trouble = (call) => (call.operation === operation ? 'denied' : null)
    await expect(tryWith({})).rejects.toThrow(`AccessDenied (403) at ${operation}: the key lacks a right`)
  })

  it('is refused where the endpoint is something else', async () => {
    const website = createServer((_request, response) => response.writeHead(404).end('<h1>Nothing here</h1>'))
    await once(website.listen(0, '127.0.0.1'), 'listening')
    try {
      const { port } = website.address() as AddressInfo
      const refusal = '(404) at PutObject: whoever answers at the endpoint does not speak as an S3 does'
      await expect(tryWith({ endpoint: `http://127.0.0.1:${port}` })).rejects.toThrow(refusal)
    } finally {
      website.close()
    }
  })

  it('and is away is not refused', async () => {
    s3.trouble = () => 'reset'
    await expect(tryWith({})).rejects.toMatchObject({ code: 'blob_store_unavailable', cause: { isRefusal: false } })
  })
})

it('AWS’s client is not loaded before a bucket is named', async () => {
  const program = `
    import { createRequire } from 'node:module'
    const { cache } = createRequire(import.meta.url)
    const isLoaded = () => Object.keys(cache).some((file) => file.includes('client-s3'))
    const { tryBucket } = await import('./src/compose/blobs.ts')
    await import('./src/process/run-up.ts')
    await tryBucket({ blobs: {} })
    const before = isLoaded()
    await tryBucket({ blobs: { s3: {} } }).catch(() => {})
    console.log(before, isLoaded())`
  const cwd = path.resolve(import.meta.dirname, '../..')
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd })
  expect(stdout.trim()).toBe('false true')
})

describe('commands', () => {
  async function inFolder(more: object) {
    const folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-s3-cli-'))
    await writeFile(path.join(folder.path, 'sluice.yaml'), stringify(fileWith(more)))
    return folder
  }

  it('that check the configuration ask no bucket', async () => {
    await using folder = await inFolder({ bucket: 'no-such-bucket' })
    const before = s3.calls.length
    const { exitCode } = await runCli(['config', 'check', 'sluice.yaml'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(s3.calls.length).toBe(before)
  })

  it.each([
    [{}, 'ok', 'bucket sluice-files'],
    [{ secret_access_key: secret }, 'problem', 'SignatureDoesNotMatch (403) at PutObject'],
    [{ endpoint: 'http://127.0.0.1:9' }, 'problem', 'does not answer: ECONNREFUSED at PutObject'],
  ])('as the doctor find that with %o it is %s', async (more, outcome, words) => {
    await using folder = await inFolder(more)
    const { stdout } = await runCli(['doctor', '--json', '--config', 'sluice.yaml'], { cwd: folder.path })
    const { findings } = JSON.parse(stdout) as { findings: { check: string; outcome: string; detail: string }[] }
    expect(findings.find(({ check }) => check === 'files')).toEqual({
      check: 'files',
      outcome,
      detail: expect.stringContaining(words),
    })
    expect(stdout).not.toContain(secret)
  })

  it('that start a role end where the bucket refuses, and go on where it is away', async () => {
    await using redis = await startTestRedis()
    const env = { REDIS_URL: redis.url, SLUICE_VAULT_KEY: randomBytes(32).toString('base64'), LOG_LEVEL: 'info' }
    await using refused = await inFolder({ secret_access_key: secret })
    for (const role of ['api', 'courier']) {
      const { exitCode, stderr } = await runCli([role, '--config', 'sluice.yaml'], { cwd: refused.path, env })
      expect(exitCode).toBe(1)
      expect(stderr).toContain('The bucket sluice-files (blobs.s3) cannot be used: SignatureDoesNotMatch')
      expect(stderr).not.toContain(secret)
    }
    await using away = await inFolder({ endpoint: `http://127.0.0.1:${await findFreePort()}` })
    const words = ['courier', '--config', path.join(away.path, 'sluice.yaml')]
    const courier = new RoleProcess(words, { ...process.env, ...env })
    await courier.ready
    await eventually('it has said so', () => courier.lastWords.includes('files and batches wait for it'))
    expect(await courier.end('SIGTERM')).toBe(0)
  }, 60_000)
})
