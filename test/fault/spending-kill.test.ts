import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { budgetsOf } from '../../src/compose/budgets.ts'
import { windowOf } from '../../src/core/budget-window.ts'
import type { LedgerRow } from '../../src/core/record-archive.ts'
import { UsageSum } from '../../src/core/usage.ts'
import { keys } from '../../src/store/keys.ts'
import { RedisUsageReader } from '../../src/store/usage-rollups.ts'
import { openJobs } from '../support/aftermath.ts'
import { type ChatScript, completion, refuse } from '../support/chat-upstream.ts'
import { runCli } from '../support/cli-process.ts'
import { type Cluster, type ProcessName, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { allTime } from '../support/records.ts'
import { Seeded } from '../support/seeded.ts'
import { WatcherThread } from '../support/watcher-thread.ts'

const jobs = 1_000
const kills = 12
const limit = 1_000_000
/** A call of 7 tokens in and 5 out costs 2,200 micro-dollars: the budget has room for 454. */
const price = { input: 100, output: 300 }
const callCost = 2_200
const maxTokens = 5

const victims: readonly [ProcessName, ...ProcessName[]] = ['api', 'auditor', 'studio', 'cloud', 'courier']

it('spends and holds no micro-dollar above $1 for 1,000 jobs at once, whichever roles are killed', async () => {
  const random = new Seeded('spending')
  await using cluster = await startCluster({
    script: moodyUpstream(random),
    leaseDuration: '1s',
    concurrency: 32,
    price,
    budgets: [{ usd: 1, per: 'total' }],
  })
  const startedMs = Date.now()
  const watcher = new WatcherThread({ redisUrl: cluster.redisUrl, counters: [counterOf(cluster)] })
  const submitting = Promise.all(Array.from({ length: jobs }, (_, number) => submit(cluster, random, number)))
  await killAgainAndAgain(cluster, random)
  const ids = await submitting
  await eventually('all jobs have ended', async () => (await cluster.redis.zcard(keys.open)) === 0, 60_000).catch(
    async () => expect(await openJobs(cluster.redis)).toEqual([]),
  )
  await eventually('all is recorded', async () => (await cluster.redis.xlen(keys.records)) === 0, 30_000)
  await eventually('nothing is held', async () => (await cluster.redis.zcard(keys.holds)) === 0, 60_000)
  const { samples, highest } = await watcher.stop()
  const [spent, reserved] = (await cluster.redis.hmget(counterOf(cluster), 'spent', 'reserved')).map(Number)

  const rows = await Array.fromAsync(new FileArchiveReader(cluster.config.data_dir).ledger(allTime))
  const ends = await endsOf(cluster.redis, ids)
  const count = (wanted: string) => ends.filter(({ stage }) => stage === wanted).length
  const lost = rows.filter(({ outcome }) => outcome === 'worker_lost')
  console.log(
    `${kills} kills, ${samples} samples, highest ${highest}, spent ${spent} in ${rows.length} attempts of which ` +
      `${lost.length} lost their worker, ${count('completed')} jobs completed, ${count('rejected')} rejected, ` +
      `${cluster.asked.again} requests sent again, ${(Date.now() - startedMs) / 1000} s`,
  )

  expect(highest).toBeLessThanOrEqual(limit)
  expect(new Set(ids).size).toBe(jobs)
  expect(count('completed') + count('rejected')).toBe(jobs)
  expect(ends.filter(({ stage, error }) => stage === 'rejected' && error !== 'budget_exceeded')).toEqual([])
  // It was close: there was more to spend than the budget has, and it was all but used up at some moment.
  expect(count('rejected')).toBeGreaterThan(0)
  expect(highest).toBeGreaterThan(limit * 0.95)

  checkLedger(rows, ends)
  const sum = rows.reduce((total, { micro_usd }) => total + micro_usd, 0)
  expect({ spent, reserved }).toEqual({ spent: sum, reserved: 0 })
  expect(sum).toBe(count('completed') * callCost)
  expect(await rollUps(cluster.redis)).toMatchObject([{ jobs, attempts: rows.length, micro_usd: sum }])
  await checkTrail(cluster)
}, 120_000)

/** Answers after a while, so that some calls are under way when their dispatcher dies, and now and then not at all. */
function moodyUpstream(random: Seeded): ChatScript {
  const refused = refuse(503)
  return async (call, response) => {
    await sleep(random.between(20, 300))
    if (random.next() < 0.05) return refused(call, response)
    response.writeHead(200, { 'content-type': 'application/json' }).end(completion('yes'))
  }
}

function submit(cluster: Cluster, random: Seeded, number: number): Promise<string> {
  const body = { max_tokens: maxTokens, messages: [{ role: 'user', content: 'is it?' }] }
  const job = {
    model: 'fleet',
    input: { endpoint: '/v1/chat/completions', body },
    priority: random.pick(['interactive', 'standard', 'batch']),
    sensitivity: random.pick(['public', 'internal', 'restricted']),
    tags: { number: String(number % 10) },
    // The courier has enough to do with the books.
    webhook: undefined,
  }
  return cluster.submit(job, `spending-${number}`)
}

/** Every role at least twice, in random order. */
async function killAgainAndAgain(cluster: Cluster, random: Seeded): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random.between(50, 900))
    const victim = cluster.process(
      kill < 2 * victims.length ? (victims[kill % victims.length] ?? 'api') : random.pick(victims),
    )
    await victim.ready
    await victim.replace()
  }
}

/** The counter of the cluster's only budget. */
function counterOf({ config }: Cluster): string {
  const [budget] = budgetsOf(config)
  if (!budget) throw new Error('no budget')
  return keys.budget(budget.id, windowOf(budget, Date.now()).id)
}

interface End {
  readonly id: string
  readonly stage: string | null
  readonly claims: number
  readonly error: string | null
}

async function endsOf(redis: Redis, ids: readonly string[]): Promise<End[]> {
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hmget(`sluice:job:${id}`, 'stage', 'fence', 'error')
  const replies = (await pipeline.exec()) ?? []
  return ids.map((id, index) => {
    const [stage = null, fence, error] = (replies[index]?.[1] ?? []) as (string | null)[]
    return { id, stage, claims: Number(fence ?? 0), error: error ? (JSON.parse(error) as { code: string }).code : null }
  })
}

/** Every claim of every job has its row, once; those that nobody could report on say so. */
function checkLedger(rows: readonly LedgerRow[], ends: readonly End[]): void {
  expect(new Set(rows.map(({ attempt }) => attempt)).size).toBe(rows.length)
  const byJob = Map.groupBy(rows, ({ job }) => job as string)
  const wrong = ends.filter(({ id, stage, claims }) => {
    const own = byJob.get(id) ?? []
    const completed = own.filter(({ outcome }) => outcome === 'completed').length
    return own.length !== claims || completed !== (stage === 'completed' ? 1 : 0)
  })
  expect(wrong).toEqual([])
  const outcomes = new Set(rows.map(({ outcome }) => outcome))
  expect(outcomes).toContain('worker_lost')
}

async function rollUps(redis: Redis) {
  const sum = new UsageSum(['tenant'])
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  const dayMs = 24 * 60 * 60 * 1000
  for await (const cell of new RedisUsageReader(redis).read(day(Date.now() - dayMs), day(Date.now()))) sum.add(cell)
  return sum.groups()
}

async function checkTrail({ config, redisUrl, vaultKey }: Cluster): Promise<void> {
  const env = { REDIS_URL: redisUrl, SLUICE_VAULT_KEY: vaultKey.toString('base64') }
  const words = ['audit', 'verify', '--data-dir', config.data_dir]
  const { exitCode, stdout, stderr } = await runCli(words, { cwd: tmpdir(), env })
  expect(exitCode, stdout + stderr).toBe(0)
  expect(stdout).not.toContain('not checked')
}
