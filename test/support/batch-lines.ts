import type OpenAI from 'openai'
import { toFile } from 'openai'
import { eventually } from './eventually.ts'

/** A line of an input file. */
export function batchLine(customId: string, content: string, body: object = {}): string {
  const messages = [{ role: 'user', content }]
  return JSON.stringify({
    custom_id: customId,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'local', messages, ...body },
  })
}

export async function uploadLines(client: OpenAI, lines: readonly string[] | Buffer): Promise<OpenAI.FileObject> {
  const content = Buffer.isBuffer(lines) ? lines : Buffer.from(lines.join('\n'))
  return client.files.create({ file: await toFile(content, 'input.jsonl'), purpose: 'batch' })
}

/** Uploads the lines and makes a batch of them. */
export async function startBatch(
  client: OpenAI,
  lines: readonly string[] | Buffer,
  more: Partial<OpenAI.BatchCreateParams> = {},
): Promise<OpenAI.Batch> {
  const { id } = await uploadLines(client, lines)
  return client.batches.create({
    input_file_id: id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    ...more,
  })
}

const ends = ['completed', 'failed', 'expired', 'cancelled']

export function untilEnded(client: OpenAI, id: string, withinMs = 15_000): Promise<OpenAI.Batch> {
  const look = async () => {
    // A busy machine may keep Redis from answering in time once; then it is looked at again.
    const batch = await client.batches.retrieve(id, { maxRetries: 3 })
    return ends.includes(batch.status) && batch
  }
  return eventually('the batch has ended', look, withinMs)
}

export interface OutcomeLine {
  readonly id: string
  readonly custom_id: string
  readonly response: {
    readonly status_code: number
    readonly request_id: string
    readonly body: {
      readonly choices?: { readonly message: { readonly content: string } }[]
      readonly error?: { readonly code: string; readonly message: string }
    }
  } | null
  readonly error: { readonly code: string; readonly message: string } | null
}

/** The lines of an output or error file; none where there is no file. */
export async function readOutcomes(client: OpenAI, file: string | null | undefined): Promise<OutcomeLine[]> {
  if (!file) return []
  const text = await (await client.files.content(file)).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as OutcomeLine)
}
