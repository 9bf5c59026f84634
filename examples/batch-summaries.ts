/**
 * Summarises log files as one batch, with OpenAI's own SDK: upload, run, wait, read.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/batch-summaries.ts examples/logs/*.log
 *
 * `MODEL` is a model of Sluice, `sandbox` unless given. One summary per file goes to stdout; what failed goes to stderr,
 * and the exit code is then 1.
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'

process.on('uncaughtException', (error) => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) console.error(cause.message)
  process.exit(1)
})

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const files = process.argv.slice(2)
const linesPerFile = 200
const endpoint = '/v1/chat/completions'
// Without one the SDK would send the key in OPENAI_API_KEY.
if (!SLUICE_API_KEY) throw new Error('SLUICE_API_KEY is not set')
if (files.length === 0) throw new Error('which log files?')
const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_API_KEY })

interface OutcomeLine {
  readonly custom_id: string
  readonly response: { readonly status_code: number; readonly body: OpenAI.ChatCompletion } | null
  readonly error: { readonly message: string } | null
}

const input = await client.files.create({
  file: await toFile(Buffer.from((await Promise.all(files.map(toLine))).join('\n')), 'logs.jsonl'),
  purpose: 'batch',
})
let batch = await client.batches.create({
  input_file_id: input.id,
  endpoint,
  completion_window: '24h',
  metadata: { source: 'batch-summaries' },
})
console.error(`${batch.id}: ${files.length} ${files.length === 1 ? 'file' : 'files'}`)
while (['validating', 'in_progress', 'finalizing'].includes(batch.status)) {
  await sleep(250)
  batch = await client.batches.retrieve(batch.id)
}

for (const { line, code, message } of batch.errors?.data ?? [])
  console.error(`line ${line ?? '-'}: ${code}: ${message}`)
for (const { custom_id: name, response } of await readLines(batch.output_file_id)) {
  console.log(`## ${name}\n\n${response?.body.choices[0]?.message.content}\n`)
}
for (const { custom_id: name, response, error } of await readLines(batch.error_file_id)) {
  console.error(`${name} failed: ${error?.message ?? `status ${response?.status_code}`}`)
}
const { total = 0, completed = 0 } = batch.request_counts ?? {}
console.error(`${batch.status}: ${completed} of ${total}, ${batch.usage?.total_tokens} tokens`)
process.exitCode = batch.status === 'completed' && completed === files.length ? 0 : 1

/** The end of a log as one request. */
async function toLine(file: string): Promise<string> {
  const log = (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-linesPerFile).join('\n')
  const messages = [{ role: 'user', content: log }]
  return JSON.stringify({ custom_id: basename(file), method: 'POST', url: endpoint, body: { model: MODEL, messages } })
}

async function readLines(file: string | undefined | null): Promise<OutcomeLine[]> {
  if (!file) return []
  const text = await (await client.files.content(file)).text()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as OutcomeLine)
}
