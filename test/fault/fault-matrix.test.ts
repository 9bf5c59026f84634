import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { errorRow } from '../../src/core/errors.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { type Cell, cells, expectedOf, maxAttempts, modelsOf, modes, remedies } from '../support/fault-cells.ts'
import { startFaultUpstream } from '../support/fault-upstream.ts'
import { faults, maxPauseMs } from '../support/faults.ts'
import { type JobView, Spender } from '../support/spending.ts'
import { contentOf, dataOf, isComment, readRecords, typeOf } from '../support/sse-reader.ts'

/** No cell takes longer, whatever hangs: the time-outs of three calls and some for a busy machine. */
const cellBudgetMs = 30_000
const atOnce = 32

/** What a caller saw, and what the job says. */
interface Seen {
  readonly cell: Cell
  readonly job: JobView
  readonly ms: number
  /** What was answered: a text, or the code of an error. */
  readonly answer: string
  /** Status of the answer to a waiting chat; 200 for the others, who are told in the stream. */
  readonly httpStatus: number
  readonly shouldRetry: string | null
  /** Everything that the caller was sent. */
  readonly text: string
}

describe('the fault matrix', () => {
  it('ends in each cell as the policy says, in time, with every job accounted for', async () => {
    await using upstream = await startFaultUpstream()
    await using broker = await startTestBroker({
      config: {
        models: modelsOf(upstream),
        tenants: { acme: { keys: [keyOf('acme')], budgets: [{ usd: 10_000, per: 'day' }] } },
        retry: { max_attempts: maxAttempts, base_delay: '20ms', max_delay: `${maxPauseMs}ms` },
      },
    })
    const startedMs = Date.now()
    const seen = await runAll(cells, (cell) => run(broker, cell))
    console.log(table(seen, Date.now() - startedMs))

    expect(seen.flatMap(deviation)).toEqual([])
    for (const { cell } of seen.filter(({ cell }) => cell.remedy === 'retry')) checkPause(cell, upstream.callsOf)
    await checkMoney(broker, seen)
    // Words of an upstream may repeat a prompt: no caller and no log line gets them.
    expect(seen.filter(({ text }) => text.includes('secret words'))).toEqual([])
    expect(broker.logText()).not.toContain('secret words')
  }, 120_000)
})

/** Many at once, but of those whose answers fill the memory only one. */
async function runAll(all: readonly Cell[], work: (cell: Cell) => Promise<Seen>): Promise<Seen[]> {
  const seen: Seen[] = []
  const drain = async (queue: Cell[]) => {
    for (let cell = queue.shift(); cell; cell = queue.shift()) seen.push(await work(cell))
  }
  const light = all.filter(({ fault }) => !fault.isHeavy)
  await Promise.all(Array.from({ length: atOnce }, () => drain(light)))
  await drain(all.filter(({ fault }) => fault.isHeavy))
  return seen
}

async function run(broker: TestBroker, cell: Cell): Promise<Seen> {
  const startedMs = Date.now()
  const told = await ask(broker, cell)
  const ms = Date.now() - startedMs
  const job = await new Spender(broker).ended('acme', told.id)
  return { cell, job, ms, ...told }
}

type Told = Pick<Seen, 'answer' | 'httpStatus' | 'shouldRetry' | 'text'> & { id: string }

function ask(broker: TestBroker, cell: Cell): Promise<Told> {
  if (cell.mode === 'waiting') return askWaiting(broker, cell)
  return cell.mode === 'streaming' ? askStreaming(broker, cell) : askJob(broker, cell)
}

/** It may cost more than three calls that break off: what it holds is not to run out. */
const chat = { max_tokens: 500, messages: [{ role: 'user', content: 'ping' }] }

async function askWaiting(broker: TestBroker, { name }: Cell): Promise<Told> {
  const response = await broker.send('/v1/chat/completions', { json: { model: name, ...chat } })
  const text = await response.text()
  const body = JSON.parse(text)
  return {
    id: response.headers.get('x-sluice-job-id') ?? '',
    answer: body.error ? body.error.code : String(body.choices?.[0]?.message.content),
    httpStatus: response.status,
    shouldRetry: response.headers.get('x-should-retry'),
    text,
  }
}

async function askStreaming(broker: TestBroker, { name }: Cell): Promise<Told> {
  const response = await broker.send('/v1/chat/completions', { json: { model: name, stream: true, ...chat } })
  const records = (await Array.fromAsync(readRecords(response))).filter((record) => !isComment(record))
  expect(records.at(-1), `${name} says that it is over`).toBe('data: [DONE]\n\n')
  const error = records.map(dataOf).find((data) => data.startsWith('{"error"'))
  return {
    id: response.headers.get('x-sluice-job-id') ?? '',
    answer: error ? JSON.parse(error).error.code : contentOf(records),
    httpStatus: response.status,
    shouldRetry: null,
    text: records.join(''),
  }
}

async function askJob(broker: TestBroker, { name }: Cell): Promise<Told> {
  const input = { endpoint: '/v1/chat/completions', body: { stream: true, ...chat } }
  const accepted = await broker.send('/v1/jobs', { json: { model: name, input } })
  expect(accepted.status).toBe(202)
  const { id } = (await accepted.json()) as { id: string }
  const events = await broker.send(`/v1/jobs/${id}/events`)
  const records = (await Array.fromAsync(readRecords(events))).filter((record) => !isComment(record))
  const valid = records.slice(records.findLastIndex((record) => typeOf(record) === 'output.reset') + 1)
  const last = JSON.parse(dataOf(records.at(-1) ?? ''))
  const answer = last.error ? last.error.code : contentOf(valid)
  return { id, answer, httpStatus: 200, shouldRetry: null, text: records.join('') }
}

/** What of a cell is not as the policy says; empty where all is. */
function deviation({ cell, job, ms, answer, httpStatus, shouldRetry }: Seen): object[] {
  const expected = expectedOf(cell)
  const isWaiting = cell.mode === 'waiting'
  const isFinal = expected.code !== null && errorRow(expected.code).shouldRetry === false
  const wanted = {
    status: expected.status,
    code: expected.code,
    attempts: expected.attempts,
    answer: expected.code ?? `answer of ${expected.attempts.at(-1)?.split(' ')[0]}`,
    httpStatus: isWaiting ? expected.httpStatus : 200,
    shouldRetry: isWaiting && isFinal ? 'false' : null,
    isInTime: true,
  }
  const found = {
    status: job.status,
    code: job.error?.code ?? null,
    attempts: job.attempts.map(({ deployment, outcome }) => `${deployment} ${outcome}`),
    answer,
    httpStatus,
    shouldRetry,
    isInTime: ms <= cellBudgetMs,
  }
  if (isDeepStrictEqual(found, wanted)) return []
  return [{ cell: `${cell.fault.name} × ${cell.mode} × ${cell.remedy}`, found, wanted, message: job.error?.message }]
}

/** However an upstream spells it, nobody comes back before the pause that it asked for. */
function checkPause({ fault, name }: Cell, callsOf: (deployment: string) => readonly number[]): void {
  if (!fault.pauseMs) return
  const [first = 0, second = 0] = callsOf(`${name}-a`)
  expect(second - first, fault.name).toBeGreaterThanOrEqual(fault.pauseMs)
}

/** Every accepted job has ended, nothing is held any more, and what was spent is what the ledger says. */
async function checkMoney(broker: TestBroker, seen: readonly Seen[]): Promise<void> {
  const spender = new Spender(broker)
  expect(await broker.redis.zcard('sluice:open')).toBe(0)
  expect(new Set(seen.map(({ job }) => job.id)).size).toBe(cells.length)
  await spender.untilRecorded()
  const budget = await eventually('nothing is held', async () => {
    const now = await spender.budget('acme')
    return now.reserved_usd === 0 && now
  })
  const rows = await spender.ledger()
  const attempts = seen.reduce((sum, { job }) => sum + job.attempts.length, 0)
  expect(rows.length).toBe(attempts)
  const microUsd = (usd: unknown) => Math.round(Number(usd) * 1_000_000)
  const paid = rows.reduce((sum, row) => sum + Number(row.micro_usd), 0)
  expect(microUsd(budget.spent_usd)).toBe(paid)
  expect(seen.reduce((sum, { job }) => sum + microUsd(job.cost_usd), 0)).toBe(paid)
}

function table(seen: readonly Seen[], ms: number): string {
  const columns = modes.flatMap((mode) => remedies.map((remedy) => ({ mode, remedy })))
  const cellOf = (fault: string, { mode, remedy }: (typeof columns)[number]) => {
    const found = seen.find(({ cell }) => cell.fault.name === fault && cell.mode === mode && cell.remedy === remedy)
    if (!found) return '-'
    const { job } = found
    return `${job.error?.code ?? job.status} ×${job.attempts.length} ${found.ms} ms`
  }
  const rows = faults.map(({ name }) => [name, ...columns.map((column) => cellOf(name, column))])
  const all = [['fault', ...columns.map(({ mode, remedy }) => `${mode}/${remedy}`)], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = all.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '))
  return [`${seen.length} cells in ${(ms / 1000).toFixed(1)} s (outcome ×attempts, time to the answer)`, ...lines].join(
    '\n',
  )
}
