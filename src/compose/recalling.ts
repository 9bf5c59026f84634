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

/**
 * What it takes to give answers again; null where no model keeps any. The Redis of the queues counts as on-premises: it
 * holds restricted jobs anyway.
 */
export function createRecalling(runtime: Pick<Runtime, 'config' | 'vaultKey' | 'log'>, redis: Redis): Recalling | null {
  const { config, log } = runtime
  const policies = new Map(
    Object.entries(config.models).flatMap(([name, { cache }]) =>
      cache ? [[name, { ttlMs: cache.ttl, maxBytes: cache.max_kb * 1024 }] as const] : [],
    ),
  )
  if (policies.size === 0) return null
  const keys = requireVaultKey(runtime, 'cache')
  const { url, residency, max_mb: maxMegabytes } = config.cache
  // A cache that hangs must not hold up a chat: it fails as fast as the API's own connection.
  const own = url ? connectRedis(url.reveal(), 'api', { logger: log, name: 'sluice-cache' }) : null
  return {
    cache: new RedisAnswerCache({
      redis: own ?? redis,
      sealer: createSealer(keys),
      maxBytes: maxMegabytes * 1024 * 1024,
    }),
    flights: new RedisFlights(redis),
    secret: Buffer.from(hkdfSync('sha256', keys.current, '', 'sluice cached answers', 32)),
    policyOf: (model) => policies.get(model) ?? null,
    mayKeep: (sensitivity) => sensitivity !== 'restricted' || own === null || residency === 'onprem',
    log,
    close: () => own?.disconnect(),
  }
}
