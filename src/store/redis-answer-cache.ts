import type { Redis } from 'ioredis'
import { type AnswerCache, type CachedAnswer, cachePrefixOf, type Flights } from '../core/answer-cache.ts'
import type { JobId } from '../core/job.ts'
import { priorities } from '../core/vocabulary.ts'
import { endedStages, oneOf } from './job-prelude.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import type { Sealer } from './sealing.ts'

/**
 * KEYS answer index sizes total · ARGV key answer ttl now max
 *
 * The oldest answers go when there is no room. In a Redis that evicts, index and sizes may go too: then the server's own
 * limit is what bounds the cache.
 */
const keep = `
local call = redis.call
local key, now, most = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local function forget(each)
  local size = tonumber(call('HGET', KEYS[3], each) or 0)
  call('HDEL', KEYS[3], each)
  call('ZREM', KEYS[2], each)
  return call('DECRBY', KEYS[4], size)
end
forget(key)
for _, expired in ipairs(call('ZRANGEBYSCORE', KEYS[2], 0, now, 'LIMIT', 0, 100)) do forget(expired) end
local size = #ARGV[2]
if size > most then return 0 end
call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
call('ZADD', KEYS[2], now + tonumber(ARGV[3]), key)
call('HSET', KEYS[3], key, size)
local total = call('INCRBY', KEYS[4], size)
while total > most do
  -- The other sizes were evicted: what is left of their sum would keep every answer out from now on.
  if call('ZCARD', KEYS[2]) == 1 then
    call('DEL', KEYS[3])
    call('HSET', KEYS[3], key, size)
    call('SET', KEYS[4], size)
    break
  end
  local oldest = call('ZRANGE', KEYS[2], 0, 0)[1]
  call('DEL', '${keys.cachedAnswer('')}' .. oldest)
  total = forget(oldest)
end
-- With the last answer they go as well.
for index = 2, 4 do
  if call('PTTL', KEYS[index]) < tonumber(ARGV[3]) then call('PEXPIRE', KEYS[index], ARGV[3]) end
end
return 1
`

/** KEYS index sizes total · ARGV key…. Returns how many there were. */
const forget = `
local call = redis.call
local gone = 0
for _, key in ipairs(ARGV) do
  local size = tonumber(call('HGET', KEYS[2], key) or 0)
  gone = gone + call('DEL', '${keys.cachedAnswer('')}' .. key)
  call('HDEL', KEYS[2], key)
  call('ZREM', KEYS[1], key)
  if size > 0 then call('DECRBY', KEYS[3], size) end
end
if call('ZCARD', KEYS[1]) == 0 then call('DEL', KEYS[2], KEYS[3]) end
return gone
`

/** How many keys are looked at, and forgotten, at once. */
const keysAtOnce = 200

/** Answers in a Redis that may be another one than that of the queues, sealed as results are not: it may stand elsewhere. */
export class RedisAnswerCache implements AnswerCache {
  readonly #redis: Redis
  readonly #sealer: Sealer
  readonly #maxBytes: number
  readonly #mayEvict: boolean
  readonly #run: RunScript<'keep' | 'forget'>

  /** `mayEvict`: this Redis may throw away what it likes, the index of the answers included. */
  constructor(options: { redis: Redis; sealer: Sealer; maxBytes: number; mayEvict?: boolean }) {
    this.#redis = options.redis
    this.#sealer = options.sealer
    this.#maxBytes = options.maxBytes
    this.#mayEvict = options.mayEvict ?? false
    this.#run = defineScripts(options.redis, 'cache', { keep, forget })
  }

  async find(key: string): Promise<CachedAnswer | null> {
    const sealed = await translateRedisErrors(this.#redis.get(keys.cachedAnswer(key)))
    if (sealed === null) return null
    return JSON.parse(this.#sealer.open(sealed, contextOf(key))) as CachedAnswer
  }

  async keep(key: string, answer: CachedAnswer, ttlMs: number): Promise<void> {
    const sealed = this.#sealer.seal(JSON.stringify(answer), contextOf(key))
    await this.#run(
      'keep',
      [keys.cachedAnswer(key), keys.cacheIndex, keys.cacheSizes, keys.cacheBytes],
      [key, sealed, ttlMs, Date.now(), this.#maxBytes],
    )
  }

  async forget(key: string, job: JobId): Promise<void> {
    const answer = await this.find(key)
    if (answer?.job === job) await this.#forget([key])
  }

  async forgetTenant(tenant: string): Promise<number> {
    const prefix = cachePrefixOf(tenant)
    let forgotten = 0
    for await (const page of this.#indexed(prefix)) forgotten += await this.#forget(page)
    if (!this.#mayEvict) return forgotten
    const pattern = { match: keys.cachedAnswer(`${prefix}*`), count: keysAtOnce }
    for await (const page of this.#redis.scanStream(pattern) as AsyncIterable<string[]>) {
      forgotten += await this.#forget(page.map((key) => key.slice(keys.cachedAnswer('').length)))
    }
    return forgotten
  }

  /** Keys of the index, page by page. */
  async *#indexed(prefix: string): AsyncGenerator<string[]> {
    const pattern = { match: `${prefix}*`, count: keysAtOnce }
    for await (const page of this.#redis.zscanStream(keys.cacheIndex, pattern) as AsyncIterable<string[]>) {
      // Members and scores by turns.
      yield page.filter((_, index) => index % 2 === 0)
    }
  }

  async #forget(found: readonly string[]): Promise<number> {
    if (found.length === 0) return 0
    return (await this.#run('forget', [keys.cacheIndex, keys.cacheSizes, keys.cacheBytes], found)) as number
  }
}

function contextOf(key: string): { job: string; field: string } {
  return { job: key, field: 'cached' }
}

/**
 * KEYS leader followers leading untaken · ARGV key job ttl mayFollow. Who is more urgent than the leader can't wait until
 * its turn comes: it leads as well, and whichever of them ends first has the answer.
 */
const join = `
local call = redis.call
-- What has ended meanwhile leads nobody: its end was told of already, or is being told of.
local stage = call('HGET', '${keys.job('' as JobId)}' .. ARGV[2], 'stage')
if not stage or ${oneOf(endedStages)} then return 2 end
local leader = call('GET', KEYS[1])
local function rankOf(job)
  local ranks = {${priorities.map((priority, rank) => `${priority} = ${rank}`).join(', ')}}
  return ranks[call('HGET', '${keys.job('' as JobId)}' .. job, 'priority') or '']
end
if leader and leader ~= ARGV[2] and ARGV[4] == '' then return 2 end
if leader and leader ~= ARGV[2] and (rankOf(leader) or 0) <= (rankOf(ARGV[2]) or 0) then
  if not call('LPOS', KEYS[2], ARGV[2]) then call('RPUSH', KEYS[2], ARGV[2]) end
  if call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then call('PEXPIRE', KEYS[2], ARGV[3]) end
  -- It has no queue entry on purpose.
  call('ZREM', KEYS[4], ARGV[2])
  return 0
end
call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
call('HSET', KEYS[3], ARGV[2], ARGV[1])
return 1
`

/** KEYS leader followers leading · ARGV leader follower… */
const landed = `
local call = redis.call
for index = 2, #ARGV do call('LREM', KEYS[2], 0, ARGV[index]) end
local rest = call('LRANGE', KEYS[2], 0, -1)
if #rest == 0 then
  if call('GET', KEYS[1]) == ARGV[1] then call('DEL', KEYS[1]) end
  call('HDEL', KEYS[3], ARGV[1])
end
return rest
`

/** KEYS leader followers leading · ARGV key leader next ttl */
const succeed = `
local call = redis.call
call('HDEL', KEYS[3], ARGV[2])
call('LREM', KEYS[2], 0, ARGV[3])
local leader = call('GET', KEYS[1])
-- What was noted of the leader may have been forgotten: the others still wait.
if not leader or leader == ARGV[2] then
  call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  call('HSET', KEYS[3], ARGV[3], ARGV[1])
end
return 1
`

/** Flights on the Redis of the queues; `core/answer-cache.ts` says what each method promises. */
export class RedisFlights implements Flights {
  readonly #redis: Redis
  readonly #run: RunScript<'join' | 'landed' | 'succeed'>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'flight', { join, landed, succeed })
  }

  async join(
    job: JobId,
    { key, ttlMs, mayFollow }: { key: string; ttlMs: number; mayFollow: boolean },
  ): Promise<'leads' | 'follows' | 'apart'> {
    const args = [key, job, ttlMs, mayFollow ? '1' : '']
    const place = (await this.#run('join', [...flightKeys(key), keys.untaken], args)) as 0 | 1 | 2
    return (['follows', 'leads', 'apart'] as const)[place]
  }

  async leading(jobs: readonly JobId[]): Promise<{ job: JobId; key: string; followers: readonly JobId[] }[]> {
    if (jobs.length === 0) return []
    const found = await translateRedisErrors(this.#redis.hmget(keys.flightLeaders, ...jobs))
    const flights = jobs.flatMap((job, index) => (found[index] ? [{ job, key: found[index] }] : []))
    return Promise.all(
      flights.map(async ({ job, key }) => {
        const followers = await translateRedisErrors(this.#redis.lrange(keys.flightFollowers(key), 0, -1))
        return { job, key, followers: followers as JobId[] }
      }),
    )
  }

  async landed(key: string, leader: JobId, followers: readonly JobId[]): Promise<readonly JobId[]> {
    return (await this.#run('landed', flightKeys(key), [leader, ...followers])) as JobId[]
  }

  async succeed(key: string, leader: JobId, next: JobId, ttlMs: number): Promise<void> {
    await this.#run('succeed', flightKeys(key), [key, leader, next, ttlMs])
  }
}

function flightKeys(key: string): string[] {
  return [keys.flightLeader(key), keys.flightFollowers(key), keys.flightLeaders]
}
