import { existsSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI, { toFile } from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { batchLine, readOutcomes, startBatch, untilEnded, uploadLines } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

let s3: S3Server
let broker: TestBroker
let client: OpenAI
/** What was in the bucket when the test began. */
let before: ReadonlySet<string>
beforeAll(async () => {
  s3 = await startS3Server({ prefix: 'team/sluice/' })
  broker = await startTestBroker({ config: { blobs: { s3: s3.config } } })
  // A busy machine may keep Redis from answering in time once.
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 3 })
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await s3[Symbol.asyncDispose]()
})
beforeEach(async () => {
  s3.trouble = null
  before = new Set(await stored())
})
afterEach(() => {
  broker.upstream.script = echo
})

const lines = (count: number, promptOf = (index: number) => `echo: answer ${index}`) =>
  Array.from({ length: count }, (_, index) => batchLine(`line-${index}`, promptOf(index)))
const stored = async () => [...(await s3.keys()), ...(await s3.uploads()).map(({ key }) => key)]
/** What the test has put there so far and not removed. */
const left = async () => (await stored()).filter((key) => !before.has(key))

describe('files in a bucket', () => {
  it('come back as they were sent, lie there sealed, and are gone when they are deleted', async () => {
    // More than a part, so that it goes as several.
    const text = '{"custom_id": "Ada Lovelace"}\n'.repeat(400_000)
    const file = await client.files.create({ file: await toFile(Buffer.from(text), 'in.jsonl'), purpose: 'batch' })
    const keys = await left()
    expect(keys).toEqual([expect.stringMatching(new RegExp(`^team/sluice/${file.id}/[0-9a-f-]+$`))])
    const object = await fetch(`${s3.url}/${s3.bucket}/${keys[0]}`)
    expect(Buffer.from(await object.arrayBuffer()).includes('Lovelace')).toBe(false)
    expect(await (await client.files.content(file.id)).text()).toBe(text)
    await client.files.delete(file.id)
    expect(await left()).toEqual([])
    expect(existsSync(join(broker.config.data_dir, 'blobs'))).toBe(false)
  })

  it('run as a batch, whose results are read while it runs, and leave nothing', async () => {
    const answered = 30
    broker.upstream.script = (call, response) => (call.prompt.startsWith('echo') ? echo : hang)(call, response)
    const { id } = await startBatch(
      client,
      lines(60, (index) => (index < answered ? `echo: answer ${index}` : 'never')),
    )
    const running = await eventually('results are there', async () => {
      const batch = await client.batches.retrieve(id)
      return batch.request_counts?.completed === answered && batch
    })
    expect(await readOutcomes(client, running.output_file_id)).toHaveLength(answered)
    await client.batches.cancel(id)
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 60, completed: 30, failed: 30 } })
    expect(await readOutcomes(client, batch.error_file_id)).toHaveLength(30)
    for (const file of [batch.input_file_id, batch.output_file_id, batch.error_file_id]) {
      await client.files.delete(file ?? '')
    }
    expect(await left()).toEqual([])
  })
})

describe('while the bucket is away', () => {
  it.each(['denied', 'slow-down', 'reset'] as const)(
    '(%s) files are refused with 503, and chats are not',
    async (how) => {
      const kept = await uploadLines(client, ['{}'])
      s3.trouble = () => how
      const known = (await client.files.list()).data.length
      const large = Buffer.alloc(12 * 1024 * 1024, 'x')
      for (const content of [Buffer.from('{}'), large]) {
        const body = new FormData()
        body.append('purpose', 'batch')
        body.append('file', new Blob([content]), 'in.jsonl')
        const response = await broker.send('/v1/files', { body })
        expect(response.status).toBe(503)
        expect(response.headers.get('retry-after')).toBe('5')
        expect(await response.json()).toEqual({
          error: {
            message: 'The store of files is away; try again.',
            type: 'server_error',
            code: 'blob_store_unavailable',
            param: null,
          },
        })
      }
      const reading = await broker.send(`/v1/files/${kept.id}/content`)
      expect(reading.status).toBe(503)
      expect(await reading.json()).toMatchObject({ error: { code: 'blob_store_unavailable' } })
      expect((await client.files.list()).data).toHaveLength(known)
      const messages = [{ role: 'user' as const, content: 'echo: still here' }]
      const chat = await client.chat.completions.create({ model: 'local', messages })
      expect(chat.choices[0]?.message.content).toBe('still here')
      s3.trouble = null
      expect(await (await client.files.content(kept.id)).text()).toBe('{}')
      await client.files.delete(kept.id)
      await eventually('nothing is left', async () => (await left()).length === 0)
    },
  )

  it('a file that is deleted is gone for its tenant, and its content as soon as the bucket is back', async () => {
    const file = await uploadLines(client, ['{}'])
    s3.trouble = () => 'denied'
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true })
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 })
    expect(await left()).toHaveLength(1)
    s3.trouble = null
    await eventually('its content is gone', async () => (await left()).length === 0)
  })

  it('a batch waits, and goes on when it is back: each line has one outcome', async () => {
    const gate = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      // The second half is answered when the bucket is away.
      if (Number(/\d+/.exec(call.prompt)?.[0]) >= 150) await gate.promise
      return echo(call, response)
    }
    const { id } = await startBatch(client, lines(300))
    await eventually('half of it is done', async () => {
      return ((await client.batches.retrieve(id)).request_counts?.completed ?? 0) >= 100
    })
    let refused = 0
    s3.trouble = () => {
      refused += 1
      return refused % 2 === 0 ? 'denied' : 'reset'
    }
    gate.resolve()
    await eventually('it has tried again and again', () => refused > 20, 30_000)
    const meanwhile = await client.batches.retrieve(id)
    expect(meanwhile.status).toBe('in_progress')
    expect(meanwhile.request_counts?.failed).toBe(0)
    s3.trouble = null
    const batch = await untilEnded(client, id, 60_000)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 300, completed: 300, failed: 0 } })
    const outcomes = await readOutcomes(client, batch.output_file_id)
    expect(outcomes).toHaveLength(300)
    expect(new Set(outcomes.map(({ custom_id: name }) => name)).size).toBe(300)
    expect(batch.error_file_id).toBeNull()
    for (const file of [batch.input_file_id, batch.output_file_id]) await client.files.delete(file ?? '')
    // What was written when nobody could tell whether it counts goes with its file.
    expect(await left()).toEqual([])
  }, 120_000)

  it('a batch that was not looked through yet is looked through later, and not failed', async () => {
    const file = await uploadLines(client, lines(5))
    s3.trouble = ({ operation }) => (operation === 'GetObject' ? 'reset' : null)
    const calls = s3.calls.length
    const body = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const
    const { id } = await client.batches.create(body)
    await eventually('it was tried', () => s3.calls.slice(calls).filter(({ key }) => key.includes(file.id)).length > 3)
    expect((await client.batches.retrieve(id)).status).toBe('validating')
    s3.trouble = null
    expect(await untilEnded(client, id)).toMatchObject({ status: 'completed', request_counts: { completed: 5 } })
  })

  it('jobs expire all the same', async () => {
    const file = await uploadLines(client, ['{}'])
    broker.upstream.script = hang
    s3.trouble = () => 'hang'
    // The housekeeper of files is held up by this one.
    await broker.redis.zadd('sluice:files-due', 0, file.id)
    const json = {
      model: 'local',
      input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'never' }] } },
    }
    const held = s3.calls.length
    await eventually('it is held up', () => s3.calls.length > held)
    const headers = { 'x-sluice-deadline': '1' }
    const made = await broker.send('/v1/jobs', { json, headers })
    const { id } = (await made.json()) as { id: string }
    await eventually('it has expired', async () => {
      const job = (await (await broker.send(`/v1/jobs/${id}`)).json()) as { status: string }
      return job.status === 'expired'
    })
  })
})
