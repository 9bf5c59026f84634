import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from '../core/telemetry.ts'

/**
 * Every connection to Redis begins here, because how a connection fails is a decision:
 *
 * - `api` fails fast. While Redis is away a request gets its 503 within half a second and nothing waits in memory.
 * - `gateway` fails fast too, and never sends a command twice, but takes time for answers of many megabytes.
 * - `worker` waits. A command given while Redis is away runs when it is back.
 * - `blocking` waits, and may be silent for as long as its command blocks.
 * - `subscriber` waits, and subscribes again by itself.
 */
export type RedisPurpose = 'api' | 'gateway' | 'worker' | 'blocking' | 'subscriber'

/** `redis://`, `rediss://` or `unix://` (`unix://[user:password@]/path?db=0`), or the path of a Unix socket. */
export type RedisAddress = string | { readonly path: string }

export interface ConnectOptions {
  /** Told once when Redis goes away and once when it is back. */
  readonly logger?: Logger
  /** What `CLIENT LIST` calls the connection; `sluice-<purpose>` unless said. */
  readonly name?: string
}

/** Redis is there but may not carry jobs, or its address cannot be used. The message tells an operator what to do. */
class UnusableRedisError extends Error {
  override readonly name = 'UnusableRedisError'
}

// Replies keep the shapes of RESP2, which BullMQ reads.
type LegacyReplyOptions = Omit<RedisOptions, 'replyMapping'>

const apiCommandTimeoutMs = 400
// A server that hangs keeps its connections open. Without this limit each request would wait for its own time-out;
// with it the connection is given up, and until a new one stands commands fail at once.
const apiSilenceMs = 2_000
// Nodes over HTTPS bring results of up to 64 MiB, over networks that may not be fast.
const gatewayCommandTimeoutMs = 15_000
// TCP gives an unacknowledged packet a quarter of an hour. BullMQ's blocking reads last 10 s at most and pass.
const workerSilenceMs = 60_000

/**
 * Connects, and keeps reconnecting until `disconnect()` is called. Never throws because Redis is away: use `untilReady`
 * to wait for it. A command of an `api` connection that fails with a time-out may still have been executed.
 *
 * @throws UnusableRedisError when the address is none.
 */
export function connectRedis(address: RedisAddress, purpose: RedisPurpose, options: ConnectOptions = {}): Redis {
  const redisOptions: LegacyReplyOptions = {
    connectionName: options.name ?? `sluice-${purpose}`,
    // A restricted ACL user may not call CLIENT SETINFO; every connection would leave two lines in the ACL log.
    disableClientInfo: true,
    // Under BullMQ it costs 40 % of the throughput, measured on ioredis 6.
    enableAutoPipelining: false,
    maxLoadingRetryTime: 500,
    retryStrategy: reconnectDelayMs,
    // After a failover the old primary keeps its connections and refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    ...optionsFor(purpose),
  }
  const redis = isUnixAddress(address)
    ? new Redis({ ...redisOptions, ...parseUnixAddress(address) })
    : new Redis(requireRedisUrl(address), redisOptions)
  if (purpose === 'subscriber') hearRefusals(redis)
  reportAbsence(redis, { server: describeRedis(address), purpose, logger: options.logger })
  return redis
}

/** The address as it may be logged: without password and without query. */
export function describeRedis(address: RedisAddress): string {
  if (isUnixAddress(address)) return `unix://${parseUnixAddress(address).path}`
  const url = new URL(requireRedisUrl(address))
  const user = url.username || url.password ? `${url.username}${url.password ? ':***' : ''}@` : ''
  return `${url.protocol}//${user}${url.host}${url.pathname === '/' ? '' : url.pathname}`
}

/** Resolves once commands can be sent. @throws UnusableRedisError after `timeoutMs`, with the reason seen last. */
export function untilReady(redis: Redis, timeoutMs = 10_000): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve()
  return new Promise((resolve, reject) => {
    let reason: unknown
    const onError = (error: Error) => {
      reason = error
    }
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      redis.off('ready', onReady).off('end', onEnd).off('error', onError)
      finish()
    }
    const fail = (what: string) =>
      settle(() =>
        reject(new UnusableRedisError(`${what}${reason ? ` (${reasonOf(reason)})` : ''}`, { cause: reason })),
      )
    const onReady = () => settle(resolve)
    const onEnd = () => fail('The connection to Redis was closed before it was ready')
    const timer = setTimeout(() => fail(`Redis did not answer within ${timeoutMs / 1000} s`), timeoutMs)
    // ioredis says nothing when it is told to disconnect between two attempts; the timer alone keeps no process alive.
    timer.unref()
    redis.on('ready', onReady).on('end', onEnd).on('error', onError)
  })
}

export interface ServerFacts {
  readonly product: 'redis' | 'valkey' | 'dragonfly'
  /** The product's own version. */
  readonly version: string
  /** The Redis version it behaves like; the same as `version` for Redis itself. */
  readonly redisVersion: string
  /** Undefined when the server does not tell. */
  readonly maxmemoryPolicy: string | undefined
  readonly appendOnly: boolean
  /** Whether it saves snapshots by itself; undefined when this user may not ask. */
  readonly snapshots: boolean | undefined
}

/**
 * Asks the server what it is. INFO answers most of it, and is allowed where managed services forbid CONFIG.
 *
 * @throws UnusableRedisError when it does not answer within 10 s, or when this user may not ask.
 */
export async function inspectServer(redis: Redis): Promise<ServerFacts> {
  await untilReady(redis)
  const info = parseInfo(await redis.info().catch(refuseForbidden))
  const redisVersion = info.get('redis_version') ?? ''
  const product = info.has('dragonfly_version') ? 'dragonfly' : info.has('valkey_version') ? 'valkey' : 'redis'
  const saveRule = await readSetting(redis, 'save')
  return {
    product,
    version: info.get(`${product}_version`) ?? redisVersion,
    redisVersion,
    maxmemoryPolicy: info.get('maxmemory_policy') ?? (await readSetting(redis, 'maxmemory-policy')),
    appendOnly: info.get('aof_enabled') === '1',
    snapshots: saveRule === undefined ? undefined : saveRule !== '',
  }
}

/** The facts and what an operator should know about them. @throws UnusableRedisError when jobs would not be safe. */
export async function requireUsableServer(redis: Redis): Promise<{ facts: ServerFacts; warnings: readonly string[] }> {
  const facts = await inspectServer(redis)
  const { refusal, warnings } = judgeServer(facts)
  if (refusal) throw new UnusableRedisError(refusal)
  return { facts, warnings }
}

/** Minimum versions are BullMQ's: 6.2 for its scripts, 7.0.8 for blocking reads of less than a second. */
export function judgeServer(facts: ServerFacts): { refusal?: string; warnings: readonly string[] } {
  if (isOlder(facts.redisVersion, '6.2.0')) {
    const found = facts.redisVersion || 'an unknown version'
    return { refusal: `Redis ${found} is too old: 6.2 is needed, 7.0.8 or later recommended`, warnings: [] }
  }
  if (facts.maxmemoryPolicy !== undefined && facts.maxmemoryPolicy !== 'noeviction') {
    return {
      refusal:
        `Redis has maxmemory-policy ${facts.maxmemoryPolicy} and would delete jobs when memory runs short. ` +
        'Run CONFIG SET maxmemory-policy noeviction, and put "maxmemory-policy noeviction" into redis.conf',
      warnings: [],
    }
  }
  const warnings: string[] = []
  if (isOlder(facts.redisVersion, '7.0.8')) {
    warnings.push(`Redis ${facts.redisVersion} works, but 7.0.8 or later is recommended`)
  }
  if (facts.maxmemoryPolicy === undefined) {
    warnings.push('Redis does not tell its maxmemory-policy; anything but noeviction loses jobs')
  }
  if (!facts.appendOnly && facts.snapshots === false) {
    warnings.push(
      'Redis persists nothing: a restart of it loses every job. ' +
        'Run CONFIG SET appendonly yes, and put "appendonly yes" into redis.conf',
    )
  }
  return { warnings }
}

const failFast: LegacyReplyOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 1_000,
  disconnectTimeout: 200,
}

function optionsFor(purpose: RedisPurpose): LegacyReplyOptions {
  switch (purpose) {
    case 'api':
      return { ...failFast, commandTimeout: apiCommandTimeoutMs, socketTimeout: apiSilenceMs }
    case 'gateway':
      return { ...failFast, commandTimeout: gatewayCommandTimeoutMs, socketTimeout: gatewayCommandTimeoutMs }
    case 'worker':
      return { maxRetriesPerRequest: null, socketTimeout: workerSilenceMs }
    case 'blocking':
    case 'subscriber':
      return { maxRetriesPerRequest: null }
  }
}

/** 50, 100, 200 … 1,000 ms, a quarter of it by chance so that a fleet does not come back in one instant. */
function reconnectDelayMs(attempt: number): number {
  const delayMs = Math.min(50 * 2 ** (attempt - 1), 1_000)
  return Math.round(delayMs * (0.75 + Math.random() * 0.25))
}

/**
 * After an outage ioredis subscribes again by itself, and leaves it to nobody to hear that this failed. It does where the
 * connection is closed just then, and a process that was being stopped would die of it. Callers hear of theirs as before.
 */
function hearRefusals(redis: Redis): void {
  const subscribe = redis.subscribe.bind(redis) as (...words: unknown[]) => Promise<unknown>
  redis.subscribe = ((...words: unknown[]) => {
    const subscribed = subscribe(...words)
    subscribed.catch(() => {})
    return subscribed
  }) as Redis['subscribe']
}

/** ioredis repeats its error at every attempt; an operator needs two lines, one per change. */
function reportAbsence(
  redis: Redis,
  { server, purpose, logger }: { server: string; purpose: RedisPurpose; logger: Logger | undefined },
): void {
  let awaySince: number | undefined
  const goneAway = (reason: string) => {
    if (awaySince !== undefined) return
    awaySince = Date.now()
    logger?.warn({ server, purpose, reason }, 'Redis is away')
  }
  redis.on('error', (error: unknown) => goneAway(reasonOf(error)))
  redis.on('reconnecting', () => goneAway('the connection was closed'))
  redis.on('ready', () => {
    if (awaySince === undefined) return
    logger?.info({ server, purpose, awayMs: Date.now() - awaySince }, 'Redis is back')
    awaySince = undefined
  })
}

/** A refused connection to a name with two addresses is an AggregateError whose own message is empty. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return error.message || code || error.name
}

function isUnixAddress(address: RedisAddress): boolean {
  return typeof address !== 'string' || address.startsWith('/') || address.startsWith('unix://')
}

const unixUrl = /^unix:\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<path>\/[^?]+)(?:\?db=(?<db>\d+))?$/

function parseUnixAddress(address: RedisAddress): LegacyReplyOptions & { path: string } {
  if (typeof address !== 'string') return { path: address.path }
  if (address.startsWith('/')) return { path: address }
  const parts = unixUrl.exec(address)?.groups
  if (!parts?.path) throw new UnusableRedisError('A unix:// address has the form unix://[user:password@]/path?db=0')
  return {
    path: decodeURIComponent(parts.path),
    ...(parts.username && { username: decodeURIComponent(parts.username) }),
    ...(parts.password && { password: decodeURIComponent(parts.password) }),
    ...(parts.db && { db: Number(parts.db) }),
  }
}

/** The messages do not repeat the address: a malformed one may still hold a password. */
function requireRedisUrl(address: RedisAddress): string {
  if (typeof address !== 'string' || !/^rediss?:\/\//.test(address)) {
    throw new UnusableRedisError('A Redis address begins with redis://, rediss:// or unix://')
  }
  if (!URL.canParse(address)) {
    throw new UnusableRedisError('The Redis address is not a URL; special characters in a password are percent-encoded')
  }
  return address
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'))
  return new Map(pairs.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** Undefined when CONFIG is forbidden or the setting unknown: renamed, not granted, or not offered by the product. */
async function readSetting(redis: Redis, name: string): Promise<string | undefined> {
  const reply: unknown = await redis.config('GET', name).catch(() => undefined)
  const value: unknown = Array.isArray(reply) ? reply[1] : undefined
  return typeof value === 'string' ? value : undefined
}

function refuseForbidden(error: Error): never {
  if (!error.message.includes('NOPERM')) throw error
  throw new UnusableRedisError('This Redis user may not run INFO: grant +info', { cause: error })
}

function isOlder(version: string, minimum: string): boolean {
  const wanted = minimum.split('.').map(Number)
  const found = version.split('.').map((part) => Number.parseInt(part, 10) || 0)
  const differing = wanted.findIndex((part, index) => part !== (found[index] ?? 0))
  return differing !== -1 && (found[differing] ?? 0) < (wanted[differing] ?? 0)
}
