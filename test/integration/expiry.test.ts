import { expect, it } from 'vitest'
import { keyOf } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { dumpRedis } from '../support/redis-dump.ts'
import { type LivelyBroker, liveThrough, startLivelyBroker, type TenantLife } from '../support/tenant-life.ts'

/** Nothing stays in Redis for good but what has a fixed name, or a member for each tenant or pool. */
const secondMs = 1_000
const hourMs = 3_600 * secondMs
const dayMs = 24 * hourMs
const id = '[0-9a-f]{32}'

/** How long kinds of keys may stay after the end of what they are about; by `docs/operations.md`. */
const lifetimes: readonly [RegExp, number][] = [
  [new RegExp(`^sluice:result:job_${id}$`), dayMs],
  [new RegExp(`^sluice:events:job_${id}$`), hourMs],
  // Dead letters for a week; the others from their deadline on.
  [new RegExp(`^sluice:(job|private):job_${id}$`), 7 * dayMs],
  [new RegExp(`^sluice:hold:job_${id}$`), 7 * dayMs],
  [new RegExp(`^sluice:(estimate|kept):job_${id}$`), hourMs],
  [/^sluice:idempotency:(acme|globex)(:.+)?$/, dayMs],
  [/^sluice:dead-letters(:.+)?$/, 7 * dayMs],
  // One that still waits for its receiver has the whole schedule before it.
  [new RegExp(`^sluice:webhook:(delivery|content):dlv_${id}$`), 14 * dayMs],
  [/^sluice:webhook:(log|urls):.+$/, 20 * dayMs],
  [new RegExp(`^sluice:batch:batch_${id}$`), 30 * dayMs],
  [/^sluice:cache:/, hourMs],
  [/^sluice:rate:/, 2 * 60 * secondMs],
  [/^sluice:budget:.+:\d/, 5 * dayMs],
  [/^sluice:gate:/, 2 * dayMs],
  [/^sluice:usage:/, 402 * dayMs],
  [/^sluice:recorder:lease$/, hourMs],
  [/^sluice:queue:[^:]+:stalled-check$/, hourMs],
]

/** What has no time to live, and is taken out of by somebody. */
const indexes: readonly RegExp[] = [
  /^sluice:jobs:(acme|globex)$/,
  /^sluice:(files|batches):(acme|globex)$/,
  new RegExp(`^sluice:file:file-${id}(:parts)?$`),
  /^sluice:files-due$/,
  /^sluice:(holds|permits|permits:due|left|outbox|outbox:taken)$/,
  /^sluice:webhook:(lanes|failing|pauses|(due|sending):url_[0-9a-f]{32})$/,
]

/** What is there for good. */
const constants: readonly RegExp[] = [
  /^sluice:(speeds|throughput|recorder|audit:heads|tenants|pools|permits:limits|records)$/,
  /^sluice:nodes:(studio|cloud)$/,
  /^sluice:queue:(intake|lane)\.[^:]+:(meta|id|marker|events)$/,
]
/** What has a time to live that lasts for longer than anybody’s data, or is set anew all the time. */
const renewed: readonly RegExp[] = [/^sluice:usage:/, /^sluice:recorder:lease$/, /^sluice:queue:[^:]+:stalled-check$/]

const matches = (patterns: readonly RegExp[], key: string) => patterns.some((pattern) => pattern.test(key))

it('lets nothing stay in Redis beyond its time, and every index forgets what is gone', async () => {
  await using lively = await startLivelyBroker({ trimMs: 200 })
  const { redis } = lively.broker
  const lives = await Promise.all([liveThrough('acme', lively), liveThrough('globex', lively)])
  for (const life of lives) await endAll(life, lively)

  // What was asked for goes with what was answered.
  await untilNone(async () => {
    const late: string[] = []
    for (const key of await redis.keys('sluice:private:*')) {
      const jobLeftMs = await redis.pttl(key.replace('private', 'job'))
      if ((await redis.pttl(key)) > jobLeftMs + secondMs) late.push(key)
    }
    return late
  })
  // Everything has ended, and has a time to live that is not longer than it should be, or is in an index.
  await untilNone(async () => {
    const wrong: string[] = []
    for (const key of (await dumpRedis(redis)).keys()) {
      const leftMs = await redis.pttl(key)
      const longestMs = lifetimes.find(([pattern]) => pattern.test(key))?.[1] ?? 0
      if (leftMs === -1 ? !matches([...indexes, ...constants], key) : leftMs > longestMs) wrong.push(`${key} ${leftMs}`)
    }
    return wrong
  })

  // Time passes.
  for (const key of (await dumpRedis(redis)).keys()) {
    if ((await redis.pttl(key)) >= 0 && !matches(renewed, key)) await redis.pexpire(key, 1)
  }
  for (const row of [
    'sluice:files-due',
    'sluice:left',
    'sluice:webhook:lanes',
    ...(await redis.keys('sluice:webhook:due:*')),
  ]) {
    for (const member of await redis.zrange(row, '0', '-1')) await redis.zadd(row, 'XX', 0, member)
  }
  await untilNone(async () => {
    const names = [...(await dumpRedis(redis)).keys()]
    return names.filter((key) => !matches([...constants, ...renewed], key))
  })
  for (const [key, value] of await dumpRedis(redis)) {
    expect(value, key).not.toMatch(/(job_|file-|batch_|dlv_)[0-9a-f]{32}/)
  }
}, 90_000)

/** Waits until `look` finds nothing, and says what it found else. */
async function untilNone(look: () => Promise<readonly string[]>): Promise<void> {
  let found: readonly string[] = []
  const isClear = async () => {
    found = await look()
    return found.length === 0
  }
  await eventually('nothing is found', isClear).catch(() => {})
  expect(found).toEqual([])
}

/** Ends what is at work, and deletes the endpoints: they are there until somebody does. */
async function endAll(
  { client, runningBatch, endpoints, tenant }: TenantLife,
  { broker }: LivelyBroker,
): Promise<void> {
  await client.batches.cancel(runningBatch)
  await eventually(
    'the batch has ended',
    async () => (await client.batches.retrieve(runningBatch)).status === 'cancelled',
  )
  const headers = { authorization: `Bearer ${keyOf(tenant)}` }
  const answer = await fetch(`${broker.baseURL}/jobs?limit=100`, { headers })
  const { data } = (await answer.json()) as { data: { id: string; status: string }[] }
  for (const { id: job } of data) await fetch(`${broker.baseURL}/jobs/${job}/cancel`, { method: 'POST', headers })
  for (const endpoint of endpoints) {
    await fetch(`${broker.baseURL}/webhooks/endpoints/${endpoint}`, { method: 'DELETE', headers })
  }
}
