import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'

/** Loads a file with this `blobs`. */
async function load(blobs: string, env: Record<string, string> = {}) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-config-'))
  const file = join(folder.path, 'sluice.yaml')
  const rest = `
pools: { local: { residency: onprem } }
models: { m: { deployments: [{ id: a, pool: local, provider: ollama, model: m, free: true }] } }
tenants: { acme: { keys: ["\${KEY}"] } }`
  await writeFile(file, `blobs: ${blobs}${rest}`)
  return await loadConfig({ file, env: { KEY: 'sk-acme', ...env } })
}

it('files are in a folder unless a bucket is named', async () => {
  expect((await load('{}')).config.blobs.s3).toBeUndefined()
  const { config, warnings } = await load('{ s3: { bucket: files, region: eu-central-1 } }')
  expect(config.blobs.s3).toEqual({ bucket: 'files', region: 'eu-central-1', prefix: '', path_style: false })
  expect(warnings).toEqual([])
})

it('the keys of a bucket are secrets, and a warning where they stand in the file', async () => {
  const keys = `access_key_id: "AKIA\${ID}", secret_access_key: plain-secret`
  const { config, warnings } = await load(`{ s3: { bucket: files, region: auto, ${keys} } }`, { ID: 'XYZ' })
  expect(config.blobs.s3?.access_key_id?.reveal()).toBe('AKIAXYZ')
  expect(JSON.stringify(config)).not.toMatch(/AKIA|plain-secret/)
  expect(warnings.map(({ key }) => key)).toEqual(['blobs.s3.secret_access_key'])
  expect(JSON.stringify(warnings)).not.toContain('plain-secret')
})

it.each([
  ['http://minio.internal:9000', ['blobs.s3.endpoint']],
  ['https://minio.internal:9000', []],
  ['http://127.0.0.1:9000', []],
  ['http://localhost:9000', []],
])('an endpoint %s gives the warnings %j', async (endpoint, keys) => {
  const { config, warnings } = await load(`{ s3: { bucket: files, region: auto, endpoint: "${endpoint}/" } }`)
  expect(config.blobs.s3?.endpoint).toBe(endpoint)
  expect(warnings.map(({ key }) => key)).toEqual(keys)
})

it.each([
  ['files', 'files/'],
  ['a/b.c/', 'a/b.c/'],
  ['', ''],
])('the prefix %j begins keys with %j', async (prefix, begins) => {
  const { config } = await load(`{ s3: { bucket: files, region: auto, prefix: "${prefix}" } }`)
  expect(config.blobs.s3?.prefix).toBe(begins)
})

it.each(['/files', 'a//b', '..', 'a/../b', './a', 'a b', 'ä'])('the prefix %j is refused', async (prefix) => {
  await expect(load(`{ s3: { bucket: files, region: auto, prefix: "${prefix}" } }`)).rejects.toThrow('blobs.s3.prefix')
})

it.each([
  ['access_key_id: a', 'secret_access_key'],
  ['secret_access_key: a', 'access_key_id'],
  ['session_token: a', 'access_key_id'],
])('{ %s } alone is refused', async (keys, missing) => {
  await expect(load(`{ s3: { bucket: files, region: auto, ${keys} } }`)).rejects.toThrow(`needs ${missing}`)
})
