import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  connectRedis,
  inspectServer,
  judgeServer,
  requireUsableServer,
  type ServerFacts,
} from '../../src/store/redis.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

let server: TestRedis
let redis: Redis

beforeAll(async () => {
  server = await startTestRedis()
})
beforeEach(() => {
  redis = connectRedis(server.url, 'worker')
})
afterEach(() => redis.disconnect())
afterAll(() => server.stop())

/** Connects as a user with these rights. */
async function connectAs(user: string, ...rules: string[]): Promise<Redis> {
  await redis.call('ACL', 'SETUSER', user, 'reset', 'on', '>secret', '~*', ...rules)
  const url = new URL(server.url)
  url.username = user
  url.password = 'secret'
  return connectRedis(url.href, 'worker')
}

describe('a server', () => {
  it('is accepted without a warning when it evicts nothing and keeps an append-only file', async () => {
    const { facts, warnings } = await requireUsableServer(redis)

    expect(warnings).toEqual([])
    expect(facts).toMatchObject({ maxmemoryPolicy: 'noeviction', appendOnly: true })
    expect(facts.version).toMatch(/^\d+\.\d+\.\d+$/)
  })

  it('is refused when it may evict jobs, with the command that repairs it', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      await expect(requireUsableServer(redis)).rejects.toThrow(
        /allkeys-lru.*CONFIG SET maxmemory-policy noeviction.*redis\.conf/,
      )
    } finally {
      await redis.config('SET', 'maxmemory-policy', 'noeviction')
    }
  })

  it('is warned about when it keeps its data nowhere', async () => {
    await redis.config('SET', 'appendonly', 'no')
    const { warnings } = await requireUsableServer(redis)

    expect(warnings).toEqual([expect.stringContaining('persists nothing')])
  })

  it('is not warned about when it saves snapshots', async () => {
    await redis.config('SET', 'save', '3600 1')
    const { warnings } = await requireUsableServer(redis)

    expect(warnings).toEqual([])
  })

  it('tells its policy to a user who may not call CONFIG', async () => {
    const restricted = await connectAs('guest', '+info', '+ping', '+hello')
    const facts = await inspectServer(restricted).finally(() => restricted.disconnect())

    expect(facts).toMatchObject({ maxmemoryPolicy: 'noeviction', snapshots: undefined })
  })

  it('is refused with the missing right when the user may not call INFO', async () => {
    const restricted = await connectAs('stranger', '+ping', '+hello')

    await expect(inspectServer(restricted).finally(() => restricted.disconnect())).rejects.toThrow('+info')
  })
})

describe('judgeServer', () => {
  const facts: ServerFacts = {
    product: 'redis',
    version: '7.2.4',
    redisVersion: '7.2.4',
    maxmemoryPolicy: 'noeviction',
    appendOnly: true,
    snapshots: false,
  }

  it.each(['2.8.24', '5.0.14', '6.0.16', '6.1.999', ''])('refuses version "%s", naming 6.2', (redisVersion) => {
    const { refusal } = judgeServer({ ...facts, redisVersion })
    expect(refusal).toContain('6.2')
    expect(refusal).toContain(redisVersion || 'unknown')
  })

  it.each(['6.2.0', '6.2.14', '7.0.7'])('recommends a newer one than %s', (redisVersion) => {
    const { refusal, warnings } = judgeServer({ ...facts, redisVersion })
    expect(refusal).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('7.0.8')])
  })

  it.each(['7.0.8', '7.0.15', '7.2.4', '8.0.0', '10.0.0'])('has nothing to say about %s', (redisVersion) => {
    expect(judgeServer({ ...facts, redisVersion })).toEqual({ warnings: [] })
  })

  it('warns when the policy is not told', () => {
    expect(judgeServer({ ...facts, maxmemoryPolicy: undefined }).warnings).toHaveLength(1)
  })
})
