import { createHash } from 'node:crypto'
import type { JobBody } from '../client/api-client.ts'
import type { Chunk } from './chunk-cutter.ts'

/** What is the same for every job of a run. */
export interface JobTemplate {
  readonly model: string
  readonly prompt: string
  readonly responseFormat: ResponseFormat
  readonly priority?: string
  readonly sensitivity?: string
  readonly webhookUrl?: string
}

export const responseFormats = ['text', 'json_object'] as const
export type ResponseFormat = (typeof responseFormats)[number]

/** What is asked for where the user gives no prompt. The keys are those that `summary.ts` merges. */
export const summaryPrompt = `Summarise the log lines of the next message. Answer with one JSON object and nothing else:
{"lines": number of lines, "first": first timestamp, "last": last timestamp,
"severities": {"error": number of lines, …}, "templates": [{"template": the line with <*> for what varies,
"count": number of lines, "severity": string, "example_line": number of a line like that, from 1}], "anomalies": [what an operator should look at]}`

export function buildJob(template: JobTemplate, chunk: Pick<Chunk, 'file' | 'offset' | 'text'>): JobBody {
  const { model, prompt, responseFormat, priority, sensitivity, webhookUrl } = template
  return {
    model,
    input: {
      endpoint: '/v1/chat/completions',
      body: {
        messages: [
          { role: 'system', content: prompt },
          { role: 'user', content: chunk.text },
        ],
        ...(responseFormat !== 'text' && { response_format: { type: responseFormat } }),
      },
    },
    ...(priority !== undefined && { priority }),
    ...(sensitivity !== undefined && { sensitivity }),
    ...(webhookUrl !== undefined && { webhook: { url: webhookUrl } }),
    // The end of a path says more than its beginning; the API takes 512 characters.
    metadata: { source: 'sluice submit', file: chunk.file.slice(-512), offset: String(chunk.offset) },
  }
}

/**
 * The same for the same question about the same bytes at the same place, and for no other: a chunk that is sent twice
 * is one job. `after` is the id of an earlier job under this chunk's key that did not succeed.
 */
export function idempotencyKey(template: JobTemplate, chunk: Chunk, after: string | null): string {
  const facts = [
    template.model,
    template.prompt,
    template.responseFormat,
    template.priority ?? null,
    template.sensitivity ?? null,
    template.webhookUrl ?? null,
    chunk.file,
    chunk.offset,
    chunk.bytes,
    chunk.sha256,
    after,
  ]
  return `submit-${createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 48)}`
}

/** Stands for what decides an answer, besides the input: results with another fingerprint answer another question. */
export function questionFingerprint({ model, prompt, responseFormat }: JobTemplate): string {
  return createHash('sha256')
    .update(JSON.stringify([model, prompt, responseFormat]))
    .digest('hex')
    .slice(0, 12)
}
