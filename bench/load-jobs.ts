/**
 * Bulk jobs: post them as fast as answers come, then wait until they are done. The upstream's counter, which costs the
 * system nothing, is watched first; the system is asked only about the last jobs, once every job was called.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'undici'
import { request } from 'undici'
import { countError, type LoadTarget, type Tally } from './load.ts'
import { chatBody } from './prompts.ts'
import type { UpstreamCounters } from './upstream.ts'

/** Longer than any sane run; a job that is open after it counts as lost. */
const giveUpAfterMs = 60_000
/** No call reached the upstream for so long: ask the system what became of the jobs. */
const stalledAfterMs = 1_000
/** Queues are served in order: when every job was called, those in flight are among the last. Above any concurrency. */
const lastJobs = 200

export interface JobsTask {
  readonly target: LoadTarget
  readonly upstreamOrigin: string
  readonly connections: number
  readonly count: number
}

/** Books accepted jobs and their latencies in `tally`. */
export async function runJobs(task: JobsTask, pool: Pool, tally: Tally) {
  const before = (await upstreamCounters(task.upstreamOrigin)).requests
  const startedAt = performance.now()
  const ids = await submitAll(task, pool, tally)
  const acceptedInMs = performance.now() - startedAt
  await untilUpstreamServed(task.upstreamOrigin, before + ids.length)
  await untilEnded(ids.slice(-lastJobs), task, pool)
  tally.completed = ids.length
  return { acceptedInMs, ids }
}

async function submitAll(task: JobsTask, pool: Pool, tally: Tally): Promise<string[]> {
  const headers = { 'content-type': 'application/json', ...task.target.headers }
  const bodies = Array.from({ length: task.count }, (_, index) => JSON.stringify(jobBody(index)))
  const ids: string[] = []
  await forEach(bodies, task.connections, async (body) => {
    const sentAt = performance.now()
    const answer = await pool.request({ method: 'POST', path: '/v1/jobs', headers, body })
    const job = (await answer.body.json()) as { id?: string }
    tally.latenciesMs.push(performance.now() - sentAt)
    if (answer.statusCode === 202 && job.id) ids.push(job.id)
    else countError(tally, answer.statusCode)
  })
  return ids
}

function jobBody(index: number): object {
  return {
    model: 'bench',
    input: { endpoint: '/v1/chat/completions', body: chatBody(index, { stream: false, personal: false }) },
  }
}

async function upstreamCounters(origin: string): Promise<UpstreamCounters> {
  const answer = await request(origin)
  return (await answer.body.json()) as UpstreamCounters
}

async function untilUpstreamServed(origin: string, wanted: number): Promise<void> {
  let seen = 0
  let movedAt = performance.now()
  while (seen < wanted && performance.now() - movedAt < stalledAfterMs) {
    const { requests } = await upstreamCounters(origin)
    if (requests > seen) movedAt = performance.now()
    seen = requests
    await sleep(5)
  }
}

async function untilEnded(ids: readonly string[], task: JobsTask, pool: Pool): Promise<void> {
  const giveUpAt = performance.now() + giveUpAfterMs
  await forEach(ids, task.connections, async (id) => {
    while (performance.now() < giveUpAt) {
      const { status } = await readJob(id, task.target, pool)
      if (status !== 'queued' && status !== 'in_progress') return
      await sleep(5)
    }
  })
}

/** Asks for each job by its id, so that a job that was lost or failed can't count as done. */
export async function checkOutcomes(
  task: { target: LoadTarget; connections: number; ids: readonly string[] },
  pool: Pool,
  tally: Tally,
): Promise<void> {
  await forEach(task.ids, task.connections, async (id) => {
    const { status } = await readJob(id, task.target, pool)
    if (status === 'completed') tally.completed += 1
    else countError(tally, `job ${status}`)
  })
}

async function readJob(id: string, target: LoadTarget, pool: Pool): Promise<{ status: string }> {
  const answer = await pool.request({ method: 'GET', path: `/v1/jobs/${id}`, headers: target.headers })
  const job = (await answer.body.json()) as { status?: string }
  return { status: job.status ?? `answered ${answer.statusCode}` }
}

async function forEach(items: readonly string[], atOnce: number, work: (item: string) => Promise<void>): Promise<void> {
  let next = 0
  const client = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, client))
}
