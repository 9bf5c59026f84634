import { describe, expect, it } from 'vitest'
import { type Chunk, cutChunks } from '../../src/cli/submit/chunk-cutter.ts'
import { buildJob, idempotencyKey, type JobTemplate, questionFingerprint } from '../../src/cli/submit/job-request.ts'

const template: JobTemplate = { model: 'm', prompt: 'why?', responseFormat: 'text' }

async function chunkOf(content: string, file = 'a.log', offset = 0): Promise<Chunk> {
  async function* bytes() {
    yield Buffer.from(content)
  }
  const [chunk] = await Array.fromAsync(cutChunks({ file, bytes: bytes() }, 1000))
  if (!chunk) throw new Error('no content')
  return { ...chunk, offset }
}

describe('idempotencyKey', () => {
  it('is the same for the same question about the same bytes, today and in the next release', async () => {
    const key = idempotencyKey(template, await chunkOf('one\n'), null)
    expect(key).toBe('submit-b9f021d32cafc8fd6b08db96dd44d5ae3a35775cc538aac4')
    expect(idempotencyKey({ ...template }, await chunkOf('one\n'), null)).toBe(key)
  })

  it('is another for everything that the server would compare under the same key', async () => {
    const chunk = await chunkOf('one\n')
    const keys = [
      idempotencyKey(template, chunk, null),
      idempotencyKey({ ...template, model: 'n' }, chunk, null),
      idempotencyKey({ ...template, prompt: 'how?' }, chunk, null),
      idempotencyKey({ ...template, responseFormat: 'json_object' }, chunk, null),
      idempotencyKey({ ...template, priority: 'batch' }, chunk, null),
      idempotencyKey({ ...template, sensitivity: 'internal' }, chunk, null),
      idempotencyKey({ ...template, webhookUrl: 'https://example.com/' }, chunk, null),
      idempotencyKey(template, await chunkOf('two\n'), null),
      idempotencyKey(template, await chunkOf('one\n', 'b.log'), null),
      idempotencyKey(template, await chunkOf('one\n', 'a.log', 4), null),
      idempotencyKey(template, chunk, 'job_1'),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('questionFingerprint', () => {
  it('tells questions apart, and not the ways to have them answered', () => {
    const own = questionFingerprint(template)
    expect(questionFingerprint({ ...template, priority: 'batch', webhookUrl: 'https://example.com/' })).toBe(own)
    expect(questionFingerprint({ ...template, prompt: 'how?' })).not.toBe(own)
    expect(questionFingerprint({ ...template, model: 'n' })).not.toBe(own)
  })
})

describe('buildJob', () => {
  it('keeps the question and the log apart and says where the log is from', async () => {
    const job = buildJob({ ...template, responseFormat: 'json_object', priority: 'batch' }, await chunkOf('one\n'))
    expect(job).toEqual({
      model: 'm',
      input: {
        endpoint: '/v1/chat/completions',
        body: {
          messages: [
            { role: 'system', content: 'why?' },
            { role: 'user', content: 'one\n' },
          ],
          response_format: { type: 'json_object' },
        },
      },
      priority: 'batch',
      metadata: { source: 'sluice submit', file: 'a.log', offset: '0' },
    })
  })
})
