/**
 * The load generator: a process of its own that takes one task at a time from the runner and answers with figures.
 * Closed loop: each of `connections` sends its next request when the last one is answered, so in-flight work ends
 * cleanly and the upstream's count must equal the answers.
 */
import { Pool } from 'undici'
import { checkOutcomes, runJobs } from './load-jobs.ts'
import { chatBodies } from './prompts.ts'
import { quantile } from './statistics.ts'

export interface LoadTarget {
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
}

export type LoadTask =
  | { kind: 'chat' | 'stream'; target: LoadTarget; connections: number; durationMs: number; personal: boolean }
  | { kind: 'jobs'; target: LoadTarget; upstreamOrigin: string; connections: number; count: number }
  /** After a `jobs` task and outside its clock: asks for each job and counts how it ended. */
  | { kind: 'outcomes'; target: LoadTarget; connections: number; ids: readonly string[] }

export interface LoadResult {
  /** Good answers: chat completions, whole streams, accepted jobs, jobs that completed. */
  readonly completed: number
  /** Everything else, by status or error code. */
  readonly errors: Readonly<Record<string, number>>
  readonly elapsedMs: number
  /** chat: to the whole answer; stream: to the first content; jobs: to the 202. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** jobs only: until all were accepted. */
  readonly acceptedInMs?: number
  readonly ids?: readonly string[]
  /** Share of one core that this process used: near 1, the generator is what was measured. */
  readonly generatorBusy: number
}

export interface Tally {
  completed: number
  readonly errors: Record<string, number>
  readonly latenciesMs: number[]
}

export function countError(tally: Tally, what: string | number): void {
  tally.errors[what] = (tally.errors[what] ?? 0) + 1
}

const contentPattern = /"content":\s*"[^"]/

/** One request; resolves when its answer ended, well or badly, and books it in `tally`. */
function sendOne(pool: Pool, headers: LoadTarget['headers'], body: string, stream: boolean, tally: Tally) {
  return new Promise<void>((resolve) => {
    const startedAt = performance.now()
    let status = 0
    let text = ''
    let latencyMs = Number.NaN
    pool.dispatch(
      { method: 'POST', path: '/v1/chat/completions', headers, body },
      {
        // undici insists on it.
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode
        },
        onResponseData(_controller, chunk) {
          text += chunk.toString('latin1')
          if (stream && Number.isNaN(latencyMs) && contentPattern.test(text)) latencyMs = performance.now() - startedAt
        },
        onResponseEnd() {
          if (!stream) latencyMs = performance.now() - startedAt
          const whole = stream ? text.trimEnd().endsWith('data: [DONE]') : text.includes('"choices"')
          if (status !== 200) countError(tally, status)
          else if (!whole || Number.isNaN(latencyMs) || text.includes('"error"')) countError(tally, 'broken answer')
          else {
            tally.completed += 1
            tally.latenciesMs.push(latencyMs)
          }
          resolve()
        },
        onResponseError(_controller, error) {
          countError(tally, (error as NodeJS.ErrnoException).code ?? error.name)
          resolve()
        },
      },
    )
  })
}

async function runLoop(task: LoadTask & { kind: 'chat' | 'stream' }, pool: Pool, tally: Tally): Promise<void> {
  const stream = task.kind === 'stream'
  const bodies = chatBodies({ stream, personal: task.personal })
  const headers = { 'content-type': 'application/json', ...task.target.headers }
  const endAt = performance.now() + task.durationMs
  let next = 0
  const client = async () => {
    while (performance.now() < endAt) {
      await sendOne(pool, headers, bodies[next++ % bodies.length] ?? '', stream, tally)
    }
  }
  await Promise.all(Array.from({ length: task.connections }, client))
}

async function run(task: LoadTask): Promise<LoadResult> {
  const pool = new Pool(task.target.origin, { connections: task.connections, pipelining: 1 })
  const tally: Tally = { completed: 0, errors: {}, latenciesMs: [] }
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const extra = await runTask(task, pool, tally)
  const elapsedMs = performance.now() - startedAt
  const cpu = process.cpuUsage(cpuBefore)
  // Nothing is in flight any more; close() would wait for it.
  await pool.destroy()
  return {
    completed: tally.completed,
    errors: tally.errors,
    elapsedMs,
    p50Ms: quantile(tally.latenciesMs, 0.5),
    p99Ms: quantile(tally.latenciesMs, 0.99),
    ...extra,
    generatorBusy: (cpu.user + cpu.system) / 1000 / elapsedMs,
  }
}

async function runTask(task: LoadTask, pool: Pool, tally: Tally): Promise<Partial<LoadResult>> {
  if (task.kind === 'jobs') return await runJobs(task, pool, tally)
  if (task.kind === 'outcomes') await checkOutcomes(task, pool, tally)
  else await runLoop(task, pool, tally)
  return {}
}

process.on('message', (task: LoadTask) => {
  run(task).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ failure: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
