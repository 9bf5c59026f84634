import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type ConnectOptions, connectRedis, type RedisPurpose, untilReady } from '../../src/store/redis.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

let server: TestRedis

beforeAll(async () => {
  server = await startTestRedis()
})
afterEach(() => server.restart())
afterAll(() => server.stop())

async function connect(purpose: RedisPurpose, options: ConnectOptions = {}) {
  const redis = connectRedis(server.url, purpose, options)
  onTestFinished(() => redis.disconnect())
  await untilReady(redis)
  return redis
}

/** Not `once` of node:events, which takes an 'error' on the way for a failure. */
function next(redis: Redis, event: 'close' | 'message'): Promise<unknown[]> {
  return new Promise((resolve) => redis.once(event, (...values: unknown[]) => resolve(values)))
}

const recovered = { timeout: 10_000, interval: 50 }

describe('an api connection', () => {
  it('refuses commands at once while the server is gone, and recovers by itself', async () => {
    const redis = await connect('api')
    const gone = next(redis, 'close')
    await server.kill('SIGKILL')
    await gone

    await expect(redis.set('key', 'value')).rejects.toThrow(/enableOfflineQueue/)

    await server.restart()
    await vi.waitFor(() => redis.set('key', 'value'), recovered)
  })

  it('gives up on what was under way when the server was killed, rather than send it again', async () => {
    const redis = await connect('api')
    const refusal = expect(redis.blpop('nothing', 0)).rejects.toThrow(/max retries/)
    await server.kill('SIGKILL')

    await refusal
  })

  it('gives up on a server that hangs, and recovers by itself', async () => {
    const redis = await connect('api')
    await server.kill('SIGSTOP')

    await expect(redis.set('key', 'value')).rejects.toThrow('Command timed out')
    // 500 ms are promised; the rest is for the event loop.
    expect(redis.options.commandTimeout).toBe(400)

    await server.kill('SIGCONT')
    await vi.waitFor(() => redis.set('key', 'value'), recovered)
  })

  it('drops a connection that stays silent, and then refuses commands at once', async () => {
    const redis = await connect('api')
    await server.kill('SIGSTOP')
    const gone = next(redis, 'close')
    await expect(redis.ping()).rejects.toThrow('Command timed out')
    await gone

    await expect(redis.set('key', 'value')).rejects.toThrow(/enableOfflineQueue/)

    await server.kill('SIGCONT')
    await vi.waitFor(() => redis.set('key', 'value'), recovered)
  })

  it('comes up by itself when the server starts after it', async () => {
    await server.kill('SIGKILL')
    const redis = connectRedis(server.url, 'api')
    onTestFinished(() => redis.disconnect())
    await expect(redis.ping()).rejects.toThrow()

    await server.restart()
    await untilReady(redis)
    expect(await redis.ping()).toBe('PONG')
  })
})

describe('a worker connection', () => {
  it('holds a command until the server is back', async () => {
    const redis = await connect('worker')
    await server.kill('SIGKILL')
    const write = redis.set('key', 'written during the outage')
    await server.restart()

    expect(await write).toBe('OK')
    expect(await redis.get('key')).toBe('written during the outage')
  })

  it('holds a command until a server that hangs goes on', async () => {
    const redis = await connect('worker')
    await server.kill('SIGSTOP')
    const write = redis.incr('counter')
    await server.kill('SIGCONT')

    expect(await write).toBe(1)
  })
})

it('a blocking connection goes on waiting after a restart of the server', async () => {
  const [blocking, worker] = [await connect('blocking'), await connect('worker')]
  const popped = blocking.blpop('list', 0)
  await server.restart()
  await worker.rpush('list', 'element')

  expect(await popped).toEqual(['list', 'element'])
})

it('a subscriber connection subscribes again after a restart of the server', async () => {
  const [subscriber, worker] = [await connect('subscriber'), await connect('worker')]
  await subscriber.subscribe('channel')
  const message = next(subscriber, 'message')
  await server.restart()
  await vi.waitFor(async () => expect(await worker.publish('channel', 'hello')).toBe(1), recovered)

  expect(await message).toEqual(['channel', 'hello'])
})

it('a subscriber connection that is closed while it subscribes again leaves no rejection without a listener', async () => {
  const unheard: unknown[] = []
  const hear = (reason: unknown) => unheard.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  const subscriber = await connect('subscriber')
  await subscriber.subscribe('channel')
  const ended = new Promise((resolve) => {
    subscriber.once('end', resolve)
  })
  // The answer to its first question comes when it is being closed, and it goes on as if it were not.
  const info = subscriber.info.bind(subscriber)
  vi.spyOn(subscriber, 'info').mockImplementation((...words: unknown[]) => {
    const answer = info(...(words as []))
    subscriber.disconnect()
    return answer
  })
  await server.restart()
  await ended
  await setImmediate()

  expect(unheard).toEqual([])
})

it('logs one line when the server goes away and one when it is back, without the password', async () => {
  const lines: object[] = []
  const log = (level: string) => (facts: object, message: string) => lines.push({ level, message, ...facts })
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  const redis = await connect('worker', { logger })
  await server.kill('SIGKILL')
  let attempts = 0
  redis.on('reconnecting', () => attempts++)
  await vi.waitFor(() => expect(attempts).toBeGreaterThan(3), recovered)
  await server.restart()
  await redis.ping()
  redis.disconnect()

  expect(lines).toMatchObject([
    { level: 'warn', message: 'Redis is away', purpose: 'worker' },
    { level: 'info', message: 'Redis is back', purpose: 'worker' },
  ])
  const password = new URL(server.url).password
  if (password) expect(JSON.stringify(lines)).not.toContain(password)
})

it('tells how long it waited and why when nobody answers', async () => {
  await server.kill('SIGKILL')
  const redis = connectRedis(server.url, 'worker')
  onTestFinished(() => redis.disconnect())

  await expect(untilReady(redis, 200)).rejects.toThrow(/did not answer within 0.2 s.*ECONNREFUSED/)
})
