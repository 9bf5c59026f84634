/**
 * A chat page. This server hands the page out and stands between it and Sluice, so that the key never gets into a browser.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/chat-page/server.ts
 *
 * `MODEL` is a model of Sluice (`sandbox`); `HOST` and `PORT` are where to listen (127.0.0.1, 8080; port 0 takes a free one).
 *
 * Every question is a job, which goes on whatever becomes of the page, the network or this process. Nothing is kept here: a
 * job says in its metadata which visitor it belongs to, so a restart forgets nobody. Whoever reaches the page can ask: put
 * your login in front of it, and give it the key of a tenant with a budget. The events of an answer tell its visitor which
 * deployment gave it and what it cost.
 */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import { registerPage } from './page-files.ts'
import { type Question, questionSchema } from './question.ts'
import { visitorOf } from './visitor.ts'

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const { HOST = '127.0.0.1', PORT = '8080' } = process.env

interface Job {
  readonly id: string
  readonly status: string
  readonly queue: { readonly position: number; readonly eta_seconds: number | null } | null
  readonly metadata: Readonly<Record<string, string>>
  readonly result: { readonly choices: readonly { readonly message: { readonly content: string | null } }[] } | null
  readonly error: { readonly code: string; readonly message: string } | null
}

interface OfJob {
  readonly Params: { readonly id: string }
}

// Checked before it becomes part of a path that is called with our key: `..%2fmodels` is no job.
const params = { type: 'object', properties: { id: { type: 'string', pattern: '^job_[0-9a-f]{32}$' } } } as const

// A proxy on this machine that ends TLS says so in `X-Forwarded-Proto`; cookies are for https only then.
const app = Fastify({ trustProxy: 'loopback', forceCloseConnections: true, bodyLimit: 4 * 1024 * 1024 })
registerPage(app)

app.post<{ Body: Question }>('/api/chat', { schema: { body: questionSchema } }, async (request, reply) => {
  const { key, messages } = request.body
  const visitor = visitorOf(request, reply)
  const job = {
    model: MODEL,
    priority: 'interactive',
    metadata: { visitor },
    input: { endpoint: '/v1/chat/completions', body: { messages, stream: true } },
  }
  const response = await askSluice('/v1/jobs', {
    method: 'POST',
    // With another visitor's key a question would be given that visitor's job, so each has keys of their own.
    headers: { 'content-type': 'application/json', 'idempotency-key': `${visitor}.${key}` },
    body: JSON.stringify(job),
  })
  if (!response.ok) return passRefusal(response, reply)
  const { id } = (await response.json()) as Job
  return reply.code(202).send({ id })
})

app.get<OfJob>('/api/chat/:id', { schema: { params } }, async (request, reply) => {
  const job = await findOwnJob(request, reply)
  if (!job) return reply
  const { status, queue, error, result } = job
  return { status, queue, error, text: result?.choices[0]?.message.content ?? '' }
})

app.get<OfJob & { Querystring: { after?: string } }>(
  '/api/chat/:id/events',
  { schema: { params }, exposeHeadRoute: false },
  async (request, reply) => {
    const job = await findOwnJob(request, reply)
    if (!job) return reply
    // What a browser says by itself when it comes back, or what the page says when it begins anew.
    const after = request.headers['last-event-id'] ?? request.query.after ?? '0'
    const response = await askSluice(`/v1/jobs/${job.id}/events`, {
      headers: { 'last-event-id': String(after) },
      signal: request.signal,
    })
    if (!response.ok || !response.body) return passRefusal(response, reply)
    reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
    // Fastify reads it no faster than the browser does, leaves it when the browser leaves, and breaks the browser's
    // connection when it breaks: the browser then comes back with the id of the last event that it has seen.
    return reply.send(Readable.fromWeb(response.body as ReadableStream))
  },
)

app.post<OfJob>('/api/chat/:id/cancel', { schema: { params } }, async (request, reply) => {
  const job = await findOwnJob(request, reply)
  if (!job) return reply
  const response = await askSluice(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })
  return response.ok ? reply.code(204).send() : passRefusal(response, reply)
})

app.setErrorHandler((error: FastifyError, request, reply) => {
  const { statusCode = 502 } = error
  if (statusCode < 500) return reply.code(statusCode).send({ error: { message: error.message } })
  // "fetch failed" says nothing, its cause does.
  const cause = error.cause as NodeJS.ErrnoException | undefined
  if (!request.signal.aborted) console.error(cause ? `${SLUICE_URL}: ${cause.code ?? cause.message}` : error)
  return reply.code(502).send({ error: { message: 'The chat cannot reach its model right now.' } })
})

/** The job, if it is this visitor's. Else it answers 404, for another visitor's as for one that never was. */
async function findOwnJob(request: FastifyRequest<OfJob>, reply: FastifyReply): Promise<Job | null> {
  const visitor = visitorOf(request, reply)
  const response = await askSluice(`/v1/jobs/${request.params.id}`)
  const job = response.ok ? ((await response.json()) as Job) : null
  if (job?.metadata.visitor === visitor) return job
  if (job || response.status === 404) reply.code(404).send({ error: { message: 'This answer is no longer kept.' } })
  else await passRefusal(response, reply)
  return null
}

function askSluice(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(SLUICE_URL + path, { ...init, headers: { ...init.headers, authorization: `Bearer ${SLUICE_API_KEY}` } })
}

/** Says why Sluice refused, and when to try again. */
async function passRefusal(response: Response, reply: FastifyReply): Promise<FastifyReply> {
  const { error } = (await response.json()) as { error: { message: string; code: string } }
  if (response.status === 401 || error.code === 'model_not_found') {
    console.error(error.message)
    return reply.code(500).send({ error: { message: 'This chat is not set up yet: its operator can see why.' } })
  }
  const retryAfter = response.headers.get('retry-after')
  if (retryAfter !== null) reply.header('retry-after', retryAfter)
  return reply.code(response.status).send({ error: { message: error.message } })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(`open ${await app.listen({ host: HOST, port: Number(PORT) })}`)
