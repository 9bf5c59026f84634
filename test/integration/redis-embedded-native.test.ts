import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { expect, vi } from 'vitest'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { findNativeServer } from '../../src/store/embedded/native-server.ts'
import { processStartedAt } from '../../src/store/embedded/process-identity.ts'
import { connectRedis, requireUsableServer, untilReady } from '../../src/store/redis.ts'
import { connectTo, createDataDir, startEmbedded, startOwner, untilEnded } from '../support/embedded-redis.ts'
import { nativeOnly } from '../support/redis.ts'

nativeOnly('a native embedded server keeps its data from one start to the next', async () => {
  const dataDir = await createDataDir()
  const first = await startEmbedded(dataDir, 'native')
  await connectTo(first.redis.url).set('key', 'value')
  await first.redis.stop()
  expect(await processStartedAt(first.redis.pid)).toBeUndefined()

  const second = await startEmbedded(dataDir, 'native')
  expect(await connectTo(second.redis.url).get('key')).toBe('value')
  expect(second.redis.kind).toMatch(/^(valkey|redis)-server$/)
  expect(second.redis.durability).toMatch(/append-only.*loses nothing.*power failure/)
})

nativeOnly('a native embedded server is one that jobs may be given to', async () => {
  const { redis } = await startEmbedded(await createDataDir(), 'native')

  expect((await requireUsableServer(connectTo(redis.url))).warnings).toEqual([])
})

nativeOnly('a native embedded server listens on a socket that only its user may open', async () => {
  const { redis } = await startEmbedded(await createDataDir(), 'native')
  const socket = await stat(redis.url.slice('unix://'.length))

  expect(socket.isSocket()).toBe(true)
  expect(socket.mode & 0o777).toBe(0o700)
  expect(await connectTo(redis.url).config('GET', 'port')).toEqual(['port', '0'])
})

nativeOnly('a native embedded server takes a loopback port and a password where a path is too long', async () => {
  const dataDir = path.join(await createDataDir(), 'x'.repeat(120))
  const { redis } = await startEmbedded(dataDir, 'native')
  const url = new URL(redis.url)

  expect(url.hostname).toBe('127.0.0.1')
  expect(await connectTo(redis.url).ping()).toBe('PONG')
  url.password = ''
  await expect(connectTo(url.href).ping()).rejects.toThrow('NOAUTH')
})

nativeOnly('a data folder in use is refused, naming the process that uses it', async () => {
  const dataDir = await createDataDir()
  await startEmbedded(dataDir, 'native')

  await expect(startEmbedded(dataDir, 'native')).rejects.toThrow(`in use by process ${process.pid}`)
})

nativeOnly('a native embedded server ends when its owner is killed, and another can have its data', async () => {
  const dataDir = await createDataDir()
  const owner = await startOwner(dataDir, 'native')
  await connectTo(owner.url).set('key', 'value')
  owner.kill()
  await untilEnded(owner.pid)

  const { redis } = await startEmbedded(dataDir, 'native')
  expect(await connectTo(redis.url).get('key')).toBe('value')
})

nativeOnly('a server that outlived its owner is ended before another starts on its data', async () => {
  const dataDir = await createDataDir()
  const folder = path.join(dataDir, 'redis')
  const orphan = await startOrphan(folder)

  const { redis } = await startEmbedded(dataDir, 'native')

  expect(await processStartedAt(orphan)).toBeUndefined()
  expect(redis.pid).not.toBe(orphan)
  expect(await connectTo(redis.url).get('key')).toBe('value')
})

nativeOnly('a native embedded server that crashes is started again at the same address, with its data', async () => {
  const { redis, complaints } = await startEmbedded(await createDataDir(), 'native')
  const connection = connectTo(redis.url)
  await connection.set('key', 'value')
  const { pid } = redis
  process.kill(pid, 'SIGKILL')

  expect(await connection.get('key')).toBe('value')
  await vi.waitFor(() => expect(redis.pid).not.toBe(pid))
  expect(complaints).toEqual(['The embedded Redis ended by itself'])
})

nativeOnly('a native embedded server that cannot start is reported with what it said last', async () => {
  const dataDir = await createDataDir()
  const { redis } = await startEmbedded(dataDir, 'native')
  await redis.stop()
  const appendOnly = path.join(dataDir, 'redis', 'appendonlydir')
  const base = (await readdir(appendOnly)).find((name) => name.endsWith('.base.rdb')) ?? ''
  await writeFile(path.join(appendOnly, base), 'REDIS0009 and then nonsense')

  await expect(startEmbedded(dataDir, 'native')).rejects.toThrow(/ended while starting[\s\S]*base\.rdb/)
  expect(existsSync(path.join(dataDir, 'redis', 'owner.json'))).toBe(false)
})

/** A real server on the folder, and the note of an owner that is dead. The server is a child of this test. */
async function startOrphan(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true })
  const port = await findFreePort()
  const binary = await findNativeServer()
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', '']
  const child = spawn(binary?.file ?? '', words, { stdio: 'ignore' })
  const connection = connectRedis(`redis://127.0.0.1:${port}`, 'worker')
  await untilReady(connection)
  await connection.set('key', 'value')
  connection.disconnect()
  const pid = child.pid ?? 0
  const server = { pid, startedAt: await processStartedAt(pid) }
  const note = { claim: 'earlier', host: hostname(), owner: { pid, startedAt: 'long ago' }, server }
  await writeFile(path.join(folder, 'owner.json'), JSON.stringify(note))
  return pid
}
