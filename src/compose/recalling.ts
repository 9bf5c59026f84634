import { hkdfSync } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { RecallDeps } from '../pipeline/recall-answer.ts'
import { connectRedis } from '../store/redis.ts'
import { RedisAnswerCache, RedisFlights } from '../store/redis-answer-cache.ts'
import { createSealer } from '../store/sealing.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'

export interface Recalling extends RecallDeps {
  close(): void
}

type RecallingRuntime = Pick<Runtime, 'config' | 'vaultKey' | 'log'>

/** What it takes to give answers again; null where no model keeps any. */
export function createRecalling(runtime: RecallingRuntime, redis: Redis): Recalling | null {
  const isWanted = Object.values(runtime.config.models).some(({ cache }) => cache !== undefined)
  return isWanted ? openRecalling(runtime, redis) : null
}

/**
 * The same wherever models keep none: jobs may still wait for the answers of others by a configuration of before. The
 * Redis of the queues counts as on-premises: it holds restricted jobs anyway.
 */
export function openRecalling(runtime: RecallingRuntime, redis: Redis): Recalling {
  const { config, log } = runtime
  const policies = new Map(
    Object.entries(config.models).flatMap(([name, { cache }]) =>
      cache ? [[name, { ttlMs: cache.ttl, maxBytes: cache.max_kb * 1024 }] as const] : [],
    ),
  )
  const keys = requireVaultKey(runtime, 'cache')
  const { url, residency, max_mb: maxMegabytes } = config.cache
  // A cache that hangs must not hold up a chat: it fails as fast as the API's own connection.
  const own = url && policies.size > 0 ? connectRedis(url.reveal(), 'api', { logger: log, name: 'sluice-cache' }) : null
  return {
    cache: new RedisAnswerCache({
      redis: own ?? redis,
      sealer: createSealer(keys),
      maxBytes: maxMegabytes * 1024 * 1024,
      mayEvict: own !== null,
    }),
    flights: new RedisFlights(redis),
    secret: Buffer.from(hkdfSync('sha256', keys.current, '', 'sluice cached answers', 32)),
    policyOf: (model) => policies.get(model) ?? null,
    mayKeep: (sensitivity) => sensitivity !== 'restricted' || own === null || residency === 'onprem',
    log,
    close: () => own?.disconnect(),
  }
}
