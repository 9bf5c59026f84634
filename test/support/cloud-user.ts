import { readFile } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { connectRedis } from '../../src/store/redis.ts'
import type { TestRedis } from './redis.ts'

const password = 'cloud-test-password'

/**
 * Makes the Redis user that `docs/operations.md` names for the dispatchers of the pool `cloud`, but for the rules that are
 * `without`; returns its URL.
 */
export async function createCloudUser(server: TestRedis, without: readonly string[] = []): Promise<string> {
  const admin = connectRedis(server.url, 'worker')
  try {
    const rules = (await documentedRules()).filter((rule) => !without.includes(rule))
    await admin.call('ACL', ...rules)
  } finally {
    admin.disconnect()
  }
  const url = new URL(server.url)
  url.username = 'cloud'
  url.password = password
  return url.href
}

/** The words after `ACL`, as somebody who follows the page would type them. */
async function documentedRules(): Promise<string[]> {
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const command = /^ACL (SETUSER cloud [^`]+)```/m.exec(page)?.[1]
  if (command === undefined) throw new Error('docs/operations.md has no user for cloud dispatchers')
  // A selector in brackets is one word.
  return (command.match(/\([^)]+\)|\S+/g) ?? []).map((word) => word.replace('PASSWORD', password))
}

export interface Sight {
  /** All that the user could read, by key, as text that can be searched. */
  readonly readable: ReadonlyMap<string, string>
  /** Keys whose names it saw and nothing else. */
  readonly refused: readonly string[]
}

/** Everything that a user can read in a Redis: every key of every type. */
export async function readAllAs(redis: Redis): Promise<Sight> {
  const readable = new Map<string, string>()
  const refused: string[] = []
  for await (const keys of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of keys) {
      const value = await readAnyType(redis, key)
      if (value === null) refused.push(key)
      else readable.set(key, value)
    }
  }
  return { readable, refused }
}

/** Whatever type it has: what may not be read may not be asked for its type either. Null when nothing answers. */
async function readAnyType(redis: Redis, key: string): Promise<string | null> {
  const reads: (() => Promise<unknown>)[] = [
    () => redis.get(key),
    () => redis.hgetall(key),
    () => redis.lrange(key, 0, -1),
    () => redis.smembers(key),
    () => redis.zrange(key, '0', '-1'),
    () => redis.xrange(key, '-', '+'),
    () => redis.dump(key),
    () => redis.eval("return redis.call('GET', ARGV[1])", 0, key),
    () => redis.eval("return redis.call('LRANGE', ARGV[1], 0, -1)", 0, key),
  ]
  const answers = await Promise.allSettled(reads.map((read) => read()))
  const said = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  return said.length === 0 ? null : JSON.stringify(said)
}
