/**
 * The plain pipeline that a team would write first, in one process: HTTP → queue A → worker A adds to queue B →
 * worker B calls the upstream → the answer returns through pub/sub. No keys, no masking, no accounting, no fallback:
 * what it costs is what two durable BullMQ stages cost, and Sluice's own work is the difference.
 */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type Job, Queue, Worker } from 'bullmq'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { Pool } from 'undici'

const concurrency = 100
const redisUrl = process.env.REDIS_URL ?? ''
const upstream = new Pool(process.env.BENCH_UPSTREAM ?? '', { connections: concurrency })

interface Payload {
  readonly mode: 'wait' | 'stream' | 'job'
  readonly body: object
}
type Message = { id: string } & ({ piece: string } | { done: true } | { error: string })

const channel = 'answers'
const connection = () => new Redis(redisUrl, { maxRetriesPerRequest: null })
const intake = new Queue<Payload>('intake', { connection: connection(), defaultJobOptions: { removeOnComplete: true } })
const dispatch = new Queue<Payload>('dispatch', { connection: connection() })
const publisher = connection()
const waiting = new Map<string, (message: Message) => void>()

const publish = (message: Message) => publisher.publish(channel, JSON.stringify(message))

const intakeWorker = new Worker<Payload>(
  'intake',
  async (job) => {
    const keep = job.data.mode === 'job' ? { age: 3600 } : true
    await dispatch.add('call', job.data, { jobId: idOf(job), removeOnComplete: keep })
  },
  { connection: connection(), concurrency },
)

const dispatchWorker = new Worker<Payload>('dispatch', callUpstream, { connection: connection(), concurrency })

async function callUpstream(job: Job<Payload>): Promise<string | undefined> {
  const id = idOf(job)
  try {
    const answer = await upstream.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json', authorization: 'Bearer bench' },
      body: JSON.stringify(job.data.body),
    })
    if (job.data.mode === 'stream') {
      for await (const piece of answer.body) await publish({ id, piece: String(piece) })
      await publish({ id, done: true })
      return undefined
    }
    const text = await answer.body.text()
    if (job.data.mode === 'job') return text
    await publish({ id, piece: text })
    return undefined
  } catch (error) {
    await publish({ id, error: String(error) })
    throw error
  }
}

function idOf(job: Job): string {
  if (job.id === undefined) throw new Error('a job without an id')
  return job.id
}

const app = Fastify()

app.post<{ Body: { stream?: boolean } }>('/v1/chat/completions', async (request, reply) => {
  const jobId = randomUUID()
  const stream = request.body.stream === true
  const finished = new Promise<Message>((resolve) => {
    waiting.set(jobId, (message) => {
      if (stream && 'piece' in message) reply.raw.write(message.piece)
      else resolve(message)
    })
  })
  if (stream) {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
  }
  await intake.add('call', { mode: stream ? 'stream' : 'wait', body: request.body }, { jobId })
  const last = await finished
  waiting.delete(jobId)
  if (stream) return reply.raw.end()
  if ('piece' in last) return reply.type('application/json').send(last.piece)
  return reply.code(502).send(last)
})

app.post<{ Body: { input: { body: object } } }>('/v1/jobs', async (request, reply) => {
  const jobId = randomUUID()
  await intake.add('call', { mode: 'job', body: request.body.input.body }, { jobId })
  return reply.code(202).send({ id: jobId, object: 'job', status: 'queued' })
})

app.get<{ Params: { id: string } }>('/v1/jobs/:id', async (request) => {
  const state = await dispatch.getJobState(request.params.id)
  // In queue A, or on its way.
  const status = state === 'unknown' || state === 'waiting' ? 'queued' : state === 'active' ? 'in_progress' : state
  return { id: request.params.id, object: 'job', status }
})

const subscriber = connection()
await subscriber.subscribe(channel)
subscriber.on('message', (_channel, text) => {
  const message = JSON.parse(text) as Message
  waiting.get(message.id)?.(message)
})
await Promise.all([intakeWorker.waitUntilReady(), dispatchWorker.waitUntilReady()])
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (app.server.address() as AddressInfo).port })
// The runner is gone: nobody is left to stop this process.
process.on('disconnect', () => process.exit(0))
