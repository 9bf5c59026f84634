import type { Redis } from 'ioredis'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'

/** Remembers the pools of a configuration. Resolves with those of earlier ones that are not in it any more. */
export async function rememberPools(redis: Redis, configured: readonly string[]): Promise<string[]> {
  if (configured.length > 0) await translateRedisErrors(redis.sadd(keys.pools, ...configured))
  const known = await translateRedisErrors(redis.smembers(keys.pools))
  return known.filter((pool) => !configured.includes(pool)).sort()
}
