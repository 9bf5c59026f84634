import type { Redis } from 'ioredis'

/** Everything that a Redis holds, by key, as text that can be searched. */
export async function dumpRedis(redis: Redis, pattern = '*'): Promise<ReadonlyMap<string, string>> {
  const dump = new Map<string, string>()
  for await (const keys of redis.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of keys) dump.set(key, JSON.stringify(await readValue(redis, key)))
  }
  return dump
}

async function readValue(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key)
  switch (type) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return redis.smembers(key)
    case 'zset':
      return redis.zrange(key, '0', '-1')
    case 'stream':
      return redis.xrange(key, '-', '+')
    default:
      // It was deleted meanwhile.
      return null
  }
}
