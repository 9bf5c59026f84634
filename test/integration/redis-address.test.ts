import { describe, expect, it } from 'vitest'
import { connectRedis, describeRedis } from '../../src/store/redis.ts'

describe('describeRedis', () => {
  it.each([
    ['redis://:s3cret@cache.example:6380/2', 'redis://:***@cache.example:6380/2'],
    ['rediss://ada:s3cret@cache.example', 'rediss://ada:***@cache.example'],
    ['redis://cache.example/?password=s3cret', 'redis://cache.example'],
    ['unix://ada:s3cret@/run/redis.sock?db=1', 'unix:///run/redis.sock'],
    ['/run/redis.sock', 'unix:///run/redis.sock'],
  ])('shows %s without its secret', (address, shown) => {
    expect(describeRedis(address)).toBe(shown)
  })

  it('shows a socket given by its path', () => {
    expect(describeRedis({ path: '/run/redis.sock' })).toBe('unix:///run/redis.sock')
  })
})

describe('connectRedis', () => {
  it.each(['cache.example:6379', 'http://:s3cret@cache.example', 'redis://:s3cret@bad host', 'unix://s3cret'])(
    'refuses %s without repeating it',
    (address) => {
      expect(() => connectRedis(address, 'api')).toThrow(expect.objectContaining({ name: 'UnusableRedisError' }))
      expect(() => connectRedis(address, 'api')).not.toThrow(/s3cret|cache/)
    },
  )

  it('takes user, password, database and path from a unix:// address', () => {
    const redis = connectRedis('unix://ada:p%40ss@/run/my%20redis.sock?db=3', 'worker')
    redis.disconnect()
    expect(redis.options).toMatchObject({ username: 'ada', password: 'p@ss', path: '/run/my redis.sock', db: 3 })
  })

  it('uses TLS for rediss://', () => {
    const redis = connectRedis('rediss://127.0.0.1:1', 'worker')
    redis.disconnect()
    expect(redis.options.tls).toBeTruthy()
  })
})
