/**
 * Receives webhooks as a product should: verified, answered at once, each event handled once, whoever dies in between.
 * It tells Sluice of itself, hands in the given log files as jobs, and prints their summaries as they come. Without
 * files it only listens.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/webhook-receiver.ts examples/logs/redis.log
 *
 * `sluice up` without a configuration file sends to this machine, and by http. Every other Sluice sends to public https
 * addresses only: set PUBLIC_URL to yours, or have the operator open your network, as `webhooks:` with
 * `allow_networks: [127.0.0.0/8]` and `allow_http: true`.
 *
 * HOST and PORT are where it listens, STATE is the SQLite file that keeps what it must not forget, MODEL the model of
 * the jobs. `--rotate-secret` replaces the secret; nothing that is under way is lost.
 */
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import Fastify from 'fastify'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'

process.on('uncaughtException', (error) => {
  console.error(explain(error))
  process.exit(1)
})

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const { HOST = '127.0.0.1', PORT = '8090', STATE = 'webhook-receiver.db', PUBLIC_URL } = process.env
const { values: flags, positionals: files } = parseArgs({
  options: { 'rotate-secret': { type: 'boolean' } },
  allowPositionals: true,
})
const linesPerFile = 200
const retryMs = 5_000

interface Job {
  readonly id: string
  readonly metadata: { readonly file?: string }
  readonly error: { readonly message: string } | null
  readonly result?: Partial<OpenAI.ChatCompletion> | null
}

interface Endpoint {
  readonly id: string
  /** `whsec_…`, shown only when it is new. */
  readonly secret: string
}

// Without one the SDK would send the key in OPENAI_API_KEY.
if (!SLUICE_API_KEY) throw new Error('SLUICE_API_KEY is not set')
// Its get, post and patch also reach what OpenAI has no word for, with the SDK's retries.
const sluice = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_API_KEY })

// A `webhook-id` is the same for every attempt at an event, so the inbox takes it once. It is on disk before we answer:
// what Sluice takes for delivered has to survive us. Rows may be deleted after a month; no event comes that late.
const state = new DatabaseSync(STATE)
state.exec(`CREATE TABLE IF NOT EXISTS endpoint (id TEXT, secret TEXT);
  CREATE TABLE IF NOT EXISTS inbox (webhook_id TEXT PRIMARY KEY, body TEXT, handled_at TEXT)`)
const insert = state.prepare('INSERT INTO inbox (webhook_id, body) VALUES (?, ?) ON CONFLICT DO NOTHING')
const unhandled = state.prepare('SELECT webhook_id AS id, body FROM inbox WHERE handled_at IS NULL ORDER BY rowid')
const markHandled = state.prepare("UPDATE inbox SET handled_at = datetime('now') WHERE webhook_id = ?")

const app = Fastify()
// The signature is about the bytes that were sent. JSON that was parsed and written again may be other bytes.
app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))

app.post<{ Body: string }>('/webhooks', async (request, reply) => {
  const headers = request.headers as Record<string, string>
  const id = headers['webhook-id'] ?? ''
  try {
    // Throws when it is forged, or older than 5 minutes. While a secret is rotated the header holds a signature by the
    // new one and one by the old one, and either will do. OpenAI's SDK verifies it as well, and parses the event:
    // `await openai.webhooks.unwrap(request.body, headers, secret)`.
    new Webhook(readEndpoint()?.secret ?? '').verify(request.body, headers)
  } catch (error) {
    console.error(`refused ${id}: ${explain(error)}`)
    return reply.code(400).send()
  }
  if (insert.run(id, request.body).changes === 0) console.error(`${id} came again`)
  // Answer first, work then: after 15 s without an answer Sluice takes the attempt for failed and makes another one.
  setImmediate(startWork)
  return reply.code(204).send()
})

let work = Promise.resolve()
function startWork(): void {
  work = work.then(emptyInbox)
}

/** One event after the other, those included that a process before us left. What fails stays for the next time. */
async function emptyInbox(): Promise<void> {
  for (const { id, body } of unhandled.all()) {
    try {
      await handle(JSON.parse(String(body)))
      // What your product changes in its database belongs into one transaction with this line: then it happens once.
      markHandled.run(String(id))
    } catch (error) {
      console.error(`${id} is tried again in ${retryMs / 1000} s: ${explain(error)}`)
    }
  }
}

async function handle({ type, data }: { readonly type: string; readonly data: Job }): Promise<void> {
  // Thin events never have the result, full ones not where it is large or restricted. The job has it, for a day.
  const job = data.result ? data : ((await findJob(data.id)) ?? data)
  const text = job.result?.choices?.[0]?.message.content ?? job.error?.message ?? 'nothing to show'
  console.log(`## ${type} ${job.id} ${job.metadata.file ?? ''}\n\n${text}\n`)
}

/** Null when it is no longer kept: to try again would be of no use. */
async function findJob(id: string): Promise<Job | null> {
  return sluice.get<Job>(`/jobs/${id}`).catch((error: unknown) => {
    if (error instanceof OpenAI.NotFoundError) return null
    throw error
  })
}

function readEndpoint(): Endpoint | undefined {
  return state.prepare('SELECT id, secret FROM endpoint').get() as Endpoint | undefined
}

/**
 * A secret is shown once, so it is kept, and later starts use the same endpoint from wherever they listen. Where the
 * secret was lost, the endpoint gets a new one: a second endpoint for this URL would be sent everything again.
 */
async function register(url: string): Promise<void> {
  const { data } = await sluice.get<{ data: (Endpoint & { url: string })[] }>('/webhooks/endpoints')
  const own = readEndpoint()
  const known = data.find(({ id }) => id === own?.id) ?? data.find((endpoint) => endpoint.url === url)
  if (known) await sluice.patch(`/webhooks/endpoints/${known.id}`, { body: { url, status: 'enabled' } })
  if (known && known.id === own?.id && !flags['rotate-secret']) return
  const { id, secret } = known
    ? await sluice.post<Endpoint>(`/webhooks/endpoints/${known.id}/rotate-secret`)
    : await sluice.post<Endpoint>('/webhooks/endpoints', { body: { url, events: ['job.*'] } })
  state.exec('DELETE FROM endpoint')
  state.prepare('INSERT INTO endpoint (id, secret) VALUES (?, ?)').run(id, secret)
}

async function handIn(file: string): Promise<void> {
  const log = (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-linesPerFile).join('\n')
  const input = { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: log }] } }
  const body = { model: MODEL, input, metadata: { file: basename(file) } }
  const { id } = await sluice.post<Job>('/jobs', { body })
  console.error(`${id}: ${file}`)
}

/** What went wrong with a connection stands in the causes of the error. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause ? `${error.message} ${explain(error.cause)}` : error.message
}

await app.listen({ host: HOST, port: Number(PORT) })
const url = PUBLIC_URL ?? `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/webhooks`
await register(url)
console.error(`listening: ${url}`)
setInterval(startWork, retryMs)
startWork()
for (const file of files) await handIn(file)
