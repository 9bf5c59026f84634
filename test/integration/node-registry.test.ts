import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisNodeRegistry } from '../../src/store/redis-nodes.ts'
import { createCloudUser } from '../support/cloud-user.ts'
import { eventually } from '../support/eventually.ts'
import { nodeReport } from '../support/node-reports.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const heartbeatMs = 60_000
let server: TestRedis
let redis: Redis

beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

describe('the registry of nodes', () => {
  it('lists what each node reported last, over all pools, by name', async () => {
    const registry = new RedisNodeRegistry(redis, ['cloud', 'studio'])
    await registry.report(nodeReport({ node: 'b', running: 1 }), heartbeatMs)
    await registry.report(nodeReport({ node: 'a' }), heartbeatMs)
    await registry.report(nodeReport({ node: 'b', running: 2 }), heartbeatMs)
    await registry.report(nodeReport({ node: 'c', pool: 'cloud' }), heartbeatMs)
    expect(await registry.list()).toEqual([
      nodeReport({ node: 'c', pool: 'cloud' }),
      nodeReport({ node: 'a' }),
      nodeReport({ node: 'b', running: 2 }),
    ])
    expect(await new RedisNodeRegistry(redis, ['cloud']).list()).toHaveLength(1)
  })

  it('forgets a node that misses three heartbeats, and one that leaves at once', async () => {
    const registry = new RedisNodeRegistry(redis, ['studio'])
    await registry.report(nodeReport({ node: 'lost' }), 20)
    await registry.report(nodeReport({ node: 'gone' }), heartbeatMs)
    await registry.remove('gone')
    await eventually('nobody is there', async () => (await registry.list()).length === 0)
    await registry.report(nodeReport({ node: 'new' }), heartbeatMs)
    expect(await redis.hkeys('sluice:nodes:studio')).toEqual(['report:new'])
  })

  it('tells a node for what others of its pool take jobs', async () => {
    const registry = new RedisNodeRegistry(redis, ['studio', 'other'])
    const state = { reason: null, isLoaded: null, servesFrom: 'here' } as const
    const deployments = [
      { id: 'ready', isReady: true, ...state },
      { id: 'broken', isReady: false, ...state },
    ]
    await registry.report(nodeReport({ node: 'sister', deployments }), heartbeatMs)
    await registry.report(nodeReport({ node: 'draining', isDraining: true }), heartbeatMs)
    await registry.report(nodeReport({ node: 'elsewhere', pool: 'other' }), heartbeatMs)
    const answer = await registry.report(nodeReport({ node: 'asking' }), heartbeatMs)
    expect(answer).toEqual({ mustDrain: false, readyElsewhere: ['ready'] })
  })

  it('passes on the word to drain, to a node that was restarted meanwhile as well', async () => {
    const registry = new RedisNodeRegistry(redis, ['studio'])
    expect(await registry.setDraining('studio-1', true)).toBe(false)
    await registry.report(nodeReport(), heartbeatMs)
    expect(await registry.setDraining('studio-1', true)).toBe(true)
    expect(await registry.report(nodeReport(), heartbeatMs)).toMatchObject({ mustDrain: true })
    await registry.remove('studio-1')
    expect(await registry.report(nodeReport(), heartbeatMs)).toMatchObject({ mustDrain: true })
    expect(await registry.setDraining('studio-1', false)).toBe(true)
    expect(await registry.setDraining('studio-1', false)).toBe(false)
    expect(await registry.report(nodeReport(), heartbeatMs)).toMatchObject({ mustDrain: false })
  })

  it('does not show a report of a release that reports something else', async () => {
    const registry = new RedisNodeRegistry(redis, ['studio'])
    await redis.hset('sluice:nodes:studio', 'report:odd', `${Date.now() + 60_000} {"node":"odd"}`)
    await registry.report(nodeReport(), heartbeatMs)
    expect((await registry.list()).map(({ node }) => node)).toEqual(['studio-1'])
  })

  it('works for the Redis user of a cloud dispatcher, for its own pool only', async () => {
    const own = connectRedis(await createCloudUser(server), 'worker')
    try {
      const registry = new RedisNodeRegistry(own, ['cloud'])
      await registry.report(nodeReport({ pool: 'cloud' }), heartbeatMs)
      expect(await registry.list()).toHaveLength(1)
      await registry.remove('studio-1')
      await expect(new RedisNodeRegistry(own, ['studio']).list()).rejects.toThrow(/NOPERM|No permissions/)
    } finally {
      own.disconnect()
    }
  })
})
