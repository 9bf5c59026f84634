import { expect } from 'vitest'
import type { TerminalStatus } from '../../src/core/job-state.ts'
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
  /** How it may have ended; `completed` unless said. */
  readonly endings?: readonly TerminalStatus[]
  /** What was done to it, for the message of a test that fails. */
  readonly story?: string
}

/** What a run has come to and what it cost, added up over its jobs. */
export interface Figures {
  /** Jobs by terminal status. */
  readonly ended: Readonly<Record<string, number>>
  /** Audits that were begun once more because an auditor was lost. */
  readonly repeatedAudits: number
  /** Attempts whose worker never reported. */
  readonly lostAttempts: number
  /** Attempts that a job needed at most. */
  readonly mostAttempts: number
  /** Webhooks that came once more than needed. */
  readonly repeatedWebhooks: number
}

interface JobObject {
  readonly id: string
  readonly status: TerminalStatus
  readonly attempts: readonly { outcome: string }[]
  readonly result: { choices: { message: { content: string } }[] } | null
}

const readAtOnce = 16
const endingTypes = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired', 'job.rejected']

/** Waits until nothing is open and nothing is left to be handed on or sent. */
export async function untilSettled({ redis }: Cluster, withinMs: number): Promise<void> {
  await eventually('no job is open', async () => (await redis.zcard(keys.open)) === 0, withinMs).catch(() => undefined)
  expect(await openJobs(redis)).toEqual([])
  await eventually('nothing is left', async () => (await leftovers(redis)).length === 0, withinMs).catch(async () => {
    expect(await leftovers(redis)).toEqual([])
  })
}

/** The jobs that have not ended, each with its stage and where its queue entry is. */
export async function openJobs(
  redis: Cluster['redis'],
): Promise<{ id: string; stage: string | null; entry: string }[]> {
  const ids = await redis.zrangebyscore(keys.open, '-inf', '+inf')
  return Promise.all(
    ids.map(async (id) => {
      const [stage = null, lane, hop, fence] = await redis.hmget(`sluice:job:${id}`, 'stage', 'lane', 'hop', 'fence')
      return { id, stage, entry: await placeOf(redis, `lane.${lane?.replaceAll(' ', '.')}`, `${id}-${hop}`, fence) }
    }),
  )
}

async function placeOf(redis: Cluster['redis'], queue: string, entry: string, fence: unknown): Promise<string> {
  const key = (part: string) => `sluice:queue:${queue}:${part}`
  const [isKnown, waiting, active, delayed, lock] = await Promise.all([
    redis.exists(key(entry)),
    redis.lpos(key('wait'), entry),
    redis.lpos(key('active'), entry),
    redis.zscore(key('delayed'), entry),
    redis.exists(key(`${entry}:lock`)),
  ])
  const list = waiting !== null ? 'wait' : active !== null ? 'active' : delayed !== null ? 'delayed' : 'no list'
  return `${queue} ${entry.slice(-3)}: ${isKnown ? list : 'gone'}${lock ? ', locked' : ''}, fence ${String(fence)}`
}

/** Every list and set that must be empty when all is done, with its length where it is not. */
async function leftovers(redis: Cluster['redis']): Promise<string[]> {
  const found: string[] = []
  const count = async (key: string, isSorted: boolean) => {
    const length: number = isSorted ? await redis.zcard(key) : await redis.llen(key)
    if (length > 0) found.push(`${key}: ${length}`)
  }
  for (const key of [keys.outbox, keys.outboxTaken]) await count(key, false)
  for (const key of [keys.open, keys.untaken, keys.webhookLanes]) await count(key, true)
  for (const key of await redis.keys(`${queuePrefix}:*`)) {
    const state = /:(wait|active|paused|delayed|prioritized)$/.exec(key)?.[1]
    if (state) await count(key, state === 'delayed' || state === 'prioritized')
  }
  return found
}

/** Checks what every accepted job has come to, as a client sees it. */
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
  checkWebhooks(cluster, objects)
  return addUp(cluster, objects)
}

/** Checks that a job has one end, one result and one gapless story. */
async function checkJob(cluster: Cluster, job: SubmittedJob): Promise<JobObject> {
  const story = `${job.id} ${job.story ?? ''}`
  const object = (await (await cluster.send(`/v1/jobs/${job.id}`)).json()) as JobObject
  expect(job.endings ?? ['completed'], story).toContain(object.status)
  const isCompleted = object.status === 'completed'
  expect(object.result?.choices[0]?.message.content ?? null, story).toBe(isCompleted ? job.answer : null)

  const records: string[] = []
  for await (const record of readRecords(await cluster.send(`/v1/jobs/${job.id}/events`))) {
    if (!isComment(record)) records.push(record)
  }
  const types = records.map(typeOf)
  expect(records.map(idOf), story).toEqual(records.map((_, index) => index + 1))
  expect(
    types.filter((type) => endingTypes.includes(type)),
    story,
  ).toEqual([`job.${object.status}`])
  expect(types.at(-1), story).toBe(`job.${object.status}`)
  if (isCompleted && job.stream) {
    // What a reader has who forgets everything at a reset, as it is told to.
    expect(contentOf(records.slice(types.lastIndexOf('output.reset') + 1)), story).toBe(job.answer)
  }
  return object
}

function checkWebhooks({ receiver }: Cluster, objects: readonly JobObject[]): void {
  expect(receiver.refused).toEqual([])
  const expected = objects.map(({ id, status }) => [id, [`evt_${id.slice('job_'.length)}_${status}`]])
  const seen = [...receiver.deliveries].map(([id, ofJob]) => [id, [...ofJob.keys()]])
  expect(seen.sort()).toEqual(expected.sort())
}

async function addUp({ redis, receiver }: Cluster, objects: readonly JobObject[]): Promise<Figures> {
  const audits = await Promise.all(objects.map(({ id }) => redis.hget(`sluice:job:${id}`, 'audits')))
  const attempts = objects.map((object) => object.attempts)
  const deliveries = [...receiver.deliveries.values()].flatMap((ofJob) => [...ofJob.values()])
  const ended: Record<string, number> = {}
  for (const { status } of objects) ended[status] = (ended[status] ?? 0) + 1
  return {
    ended,
    repeatedAudits: audits.reduce((total, count) => total + Math.max(0, Number(count) - 1), 0),
    lostAttempts: attempts.flat().filter(({ outcome }) => outcome === 'worker_lost').length,
    mostAttempts: Math.max(...attempts.map(({ length }) => length)),
    repeatedWebhooks: deliveries.reduce((total, count) => total + count - 1, 0),
  }
}
