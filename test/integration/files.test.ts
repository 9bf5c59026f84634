import { readdir, readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFileId } from '../../src/core/file.ts'
import { removeOrphans } from '../../src/pipeline/remove-file.ts'
import { FolderBlobStore } from '../../src/store/blobs/folder-blob-store.ts'
import { RedisFiles } from '../../src/store/redis-files.ts'
import { uploadLines } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'

let broker: TestBroker
let client: OpenAI
let blobs: string
beforeAll(async () => {
  broker = await startTestBroker({ config: { retention: { files: '2d' } } })
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
  blobs = join(broker.config.data_dir, 'blobs')
})
afterAll(() => broker[Symbol.asyncDispose]())

const day = 24 * 3600

describe('a file', () => {
  it('is made, read, listed and removed by OpenAI’s client', async () => {
    const text = `${'{"custom_id": "Ada Lovelace"}\n'.repeat(20_000)}ü`
    const file = await client.files.create({ file: await toFile(Buffer.from(text), 'löwe.jsonl'), purpose: 'batch' })
    expect(file).toMatchObject({
      object: 'file',
      filename: 'löwe.jsonl',
      purpose: 'batch',
      status: 'processed',
      bytes: Buffer.byteLength(text),
    })
    expect(file.id).toMatch(/^file-[0-9a-f]{32}$/)
    expect(file.expires_at).toBe(file.created_at + 2 * day)
    expect(await client.files.retrieve(file.id)).toEqual(file)
    const content = await client.files.content(file.id)
    expect(await content.text()).toBe(text)
    expect((await client.files.list()).data).toContainEqual(file)

    const [part = ''] = await readdir(join(blobs, file.id))
    expect((await readFile(join(blobs, file.id, part))).includes('Lovelace')).toBe(false)

    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true })
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: 'file_not_found' })
    await expect(client.files.content(file.id)).rejects.toMatchObject({ status: 404 })
    await expect(client.files.delete(file.id)).rejects.toMatchObject({ status: 404 })
    expect(await readdir(blobs)).not.toContain(file.id)
  })

  it('is listed in order, page by page', async () => {
    const made: string[] = []
    for (let count = 0; count < 5; count += 1) made.push((await uploadLines(client, [`${count}`])).id)
    const page = await client.files.list({ limit: 2, order: 'asc', purpose: 'batch' })
    expect(page.data.map(({ id }) => id)).toEqual(made.slice(0, 2))
    const walk = async (order: 'asc' | 'desc') => {
      const ids: string[] = []
      for await (const { id } of client.files.list({ limit: 2, order })) ids.push(id)
      return ids
    }
    expect(await walk('asc')).toEqual(made)
    expect(await walk('desc')).toEqual(made.toReversed())
    expect((await client.files.list({ purpose: 'batch_output' })).data).toEqual([])
  })

  it('does not exist for another tenant', async () => {
    const { id } = await uploadLines(client, ['{}'])
    for (const [method, path] of [
      ['GET', `/v1/files/${id}`],
      ['GET', `/v1/files/${id}/content`],
      ['DELETE', `/v1/files/${id}`],
    ] as const) {
      expect((await broker.send(path, { tenant: 'globex', method })).status).toBe(404)
    }
    const { data } = (await (await broker.send('/v1/files', { tenant: 'globex' })).json()) as { data: unknown[] }
    expect(data).toEqual([])
  })

  it('goes when its time is over, at the latest when the operator’s is', async () => {
    const upload = async (seconds: number) =>
      client.files.create({
        file: await toFile(Buffer.from('{}'), 'short.jsonl'),
        purpose: 'batch',
        expires_after: { anchor: 'created_at', seconds },
      })
    const file = await upload(3_600)
    expect(file.expires_at).toBe(file.created_at + 3_600)
    const longer = await upload(30 * day)
    expect(longer.expires_at).toBe(longer.created_at + 2 * day)

    await broker.redis.zadd('sluice:files-due', Date.now() - 1, file.id)
    await eventually('it is gone', async () => (await broker.send(`/v1/files/${file.id}`)).status === 404)
    await eventually('its content too', async () => !(await readdir(blobs)).includes(file.id))
  })
})

describe('an upload', () => {
  const form = (fields: Readonly<Record<string, string>>, file: Blob | null = new Blob(['{}'])) => {
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    if (file) body.append('file', file, 'input.jsonl')
    return body
  }
  const refusals: [string, FormData | string, Record<string, string>, number, string, string | null][] = [
    ['without a purpose', form({}), {}, 400, 'invalid_request', 'purpose'],
    ['for another purpose', form({ purpose: 'fine-tune' }), {}, 400, 'invalid_request', 'purpose'],
    ['without a file', form({ purpose: 'batch' }, null), {}, 400, 'invalid_request', 'file'],
    [
      'that is kept too short',
      form({ purpose: 'batch', 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '60' }),
      {},
      400,
      'invalid_request',
      'expires_after.seconds',
    ],
    ['as JSON', '{}', { 'content-type': 'application/json' }, 415, 'unsupported_media_type', null],
    ['that is no form', 'abc', { 'content-type': 'multipart/form-data; boundary=x' }, 400, 'invalid_request', null],
    ['without a boundary', 'abc', { 'content-type': 'multipart/form-data' }, 400, 'invalid_request', null],
  ]
  it.each(refusals)('%s is refused and leaves nothing', async (_, body, headers, status, code, param) => {
    const before = await readdir(blobs)
    const response = await broker.send('/v1/files', { body, headers })
    expect(await response.json()).toMatchObject({ error: { code, param } })
    expect(response.status).toBe(status)
    expect(await readdir(blobs)).toEqual(before)
  })

  it('that is refused before its end does not hold up what follows on its connection', async () => {
    const body = new FormData()
    body.append('another', new Blob([new Uint8Array(12 * 1024 * 1024)]), 'input.jsonl')
    const refused = await broker.send('/v1/files', { body })
    expect(await refused.json()).toMatchObject({ error: { code: 'invalid_request', param: 'file' } })
    const following = Array.from({ length: 4 }, async () => (await broker.send('/v1/files')).status)
    expect(await Promise.all(following)).toEqual([200, 200, 200, 200])
  })

  it('of more than 200 MiB is refused', async () => {
    const before = await readdir(blobs)
    const megabyte = new Uint8Array(1024 * 1024).fill(0x20)
    const file = new Blob(Array.from({ length: 201 }, () => megabyte))
    const response = await broker.send('/v1/files', { body: form({ purpose: 'batch' }, file) })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'body_too_large', param: 'file' } })
    expect(await readdir(blobs)).toEqual(before)
  }, 60_000)

  it('that breaks off leaves nothing', async () => {
    const before = await readdir(blobs)
    const abort = new AbortController()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc'))
        await eventually('it has begun', async () => (await readdir(blobs)).length > before.length)
        abort.abort()
      },
    })
    const headers = { authorization: `Bearer ${broker.keys.acme}`, 'content-type': 'multipart/form-data; boundary=x' }
    const sending = fetch(`${broker.url}/v1/files`, {
      method: 'POST',
      headers,
      body,
      signal: abort.signal,
      duplex: 'half',
    } as RequestInit)
    await expect(sending).rejects.toThrow()
    await eventually('it is gone', async () => (await readdir(blobs)).length === before.length)
  })
})

it('content that no file knows of is found and removed, an hour later', async () => {
  const known = await uploadLines(client, ['{}'])
  const store = new FolderBlobStore(blobs, { current: broker.vaultKey, previous: [] })
  const orphan = createFileId()
  await (await store.create({ file: orphan, part: 'lost' })).close()
  const deps = { files: new RedisFiles(broker.redis), blobs: store }
  await removeOrphans(Date.now(), deps)
  expect(await readdir(blobs)).toContain(orphan)

  const longAgo = new Date(Date.now() - 2 * 3_600_000)
  for (const id of [orphan, known.id]) await utimes(join(blobs, id), longAgo, longAgo)
  await removeOrphans(Date.now(), deps)
  expect(await readdir(blobs)).not.toContain(orphan)
  expect(await (await client.files.content(known.id)).text()).toBe('{}')
})
