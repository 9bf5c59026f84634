import { expect } from 'vitest'
import { keys, queuePrefix } from '../../src/store/keys.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { contentOf, idOf, isComment, readRecords, typeOf } from './sse-reader.ts'

/** A job that a test submitted and the API accepted. */
export interface SubmittedJob {
  readonly id: string
  readonly stream: boolean
  /** What its answer must say. */
  readonly answer: string
}

interface JobObject {
  readonly status: string
  readonly attempts: readonly { outcome: string }[]
  readonly result: { choices: { message: { content: string } }[] } | null
}

/** What a run cost, added up over its jobs. */
export interface Figures {
  readonly jobs: number
  /** Attempts whose worker never reported. */
  readonly lostAttempts: number
  /** Attempts that a job needed at most. */
  readonly mostAttempts: number
  /** Webhooks that came once more than needed. */
  readonly repeatedWebhooks: number
}

const readAtOnce = 16
const endings = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired', 'job.rejected']

/** Waits until nothing is open and nothing is left to be handed on or sent. */
export async function untilSettled({ redis }: Cluster, withinMs: number): Promise<void> {
  await eventually('no job is open', async () => (await redis.zcard(keys.open)) === 0, withinMs)
  await eventually('nothing is left in a queue', async () => (await leftovers(redis)).length === 0, withinMs).catch(
    async () => expect(await leftovers(redis)).toEqual([]),
  )
}

/** Every list and set that must be empty when all is done, with its length where it is not. */
async function leftovers(redis: Cluster['redis']): Promise<string[]> {
  const found: string[] = []
  for (const key of [keys.outbox, keys.outboxTaken]) {
    const length = await redis.llen(key)
    if (length > 0) found.push(`${key}: ${length}`)
  }
  for (const key of [keys.open, keys.untaken]) {
    const length = await redis.zcard(key)
    if (length > 0) found.push(`${key}: ${length}`)
  }
  for (const key of await redis.keys(`${queuePrefix}:*`)) {
    const state = /:(wait|active|paused|delayed|prioritized)$/.exec(key)?.[1]
    if (state === undefined) continue
    const length = state === 'delayed' || state === 'prioritized' ? await redis.zcard(key) : await redis.llen(key)
    if (length > 0) found.push(`${key}: ${length}`)
  }
  return found
}

/** Checks what every accepted job has come to, as a client sees it. Returns what it cost. */
export async function checkJobs(cluster: Cluster, jobs: readonly SubmittedJob[]): Promise<Figures> {
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length)
  // Nothing was accepted twice: the store knows no job that no client knows.
  expect(await cluster.redis.zcard(keys.tenantJobs('acme'))).toBe(jobs.length)
  const objects: JobObject[] = []
  const queue = [...jobs]
  const readers = Array.from({ length: readAtOnce }, async () => {
    for (let job = queue.pop(); job; job = queue.pop()) objects.push(await checkJob(cluster, job))
  })
  await Promise.all(readers)
  const statuses = Object.groupBy(objects, ({ status }) => status)
  expect(Object.keys(statuses)).toEqual(['completed'])
  checkWebhooks(cluster, jobs)
  const attempts = objects.map((object) => object.attempts)
  const deliveries = [...cluster.receiver.deliveries.values()].flatMap((ofJob) => [...ofJob.values()])
  return {
    jobs: objects.length,
    lostAttempts: attempts.flat().filter(({ outcome }) => outcome === 'worker_lost').length,
    mostAttempts: Math.max(...attempts.map(({ length }) => length)),
    repeatedWebhooks: deliveries.reduce((sum, count) => sum + count - 1, 0),
  }
}

async function checkJob(cluster: Cluster, job: SubmittedJob): Promise<JobObject> {
  const object = (await (await cluster.send(`/v1/jobs/${job.id}`)).json()) as JobObject
  expect(object.status, job.id).toBe('completed')
  expect(object.result?.choices[0]?.message.content, job.id).toBe(job.answer)

  const records: string[] = []
  for await (const record of readRecords(await cluster.send(`/v1/jobs/${job.id}/events`))) {
    if (!isComment(record)) records.push(record)
  }
  const types = records.map(typeOf)
  expect(records.map(idOf), job.id).toEqual(records.map((_, index) => index + 1))
  expect(
    types.filter((type) => endings.includes(type)),
    job.id,
  ).toEqual(['job.completed'])
  expect(types.at(-1), job.id).toBe('job.completed')
  if (job.stream) {
    // What a reader has who forgets everything at a reset, as it is told to.
    const kept = records.slice(types.lastIndexOf('output.reset') + 1)
    expect(contentOf(kept), job.id).toBe(job.answer)
  }
  return object
}

function checkWebhooks({ receiver }: Cluster, jobs: readonly SubmittedJob[]): void {
  expect(receiver.refused).toEqual([])
  const expected = jobs.map(({ id }) => [id, [`evt_${id.slice('job_'.length)}_completed`]])
  const seen = [...receiver.deliveries].map(([id, ofJob]) => [id, [...ofJob.keys()]])
  expect(seen.sort()).toEqual(expected.sort())
}
