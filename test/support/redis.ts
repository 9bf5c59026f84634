import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { it } from 'vitest'
import type { Logger } from '../../src/core/telemetry.ts'
import { onFreePort } from '../../src/store/embedded/free-port.ts'
import { findNativeServer, launchNativeServer } from '../../src/store/embedded/native-server.ts'
import type { ServerProcess } from '../../src/store/embedded/server-process.ts'
import { choosePersistence, launchWasmServer } from '../../src/store/embedded/wasm-launcher.ts'
import { type RedisSource, redisSource } from './redis-source.ts'

/** A real Redis or Valkey that only one test or test file uses. */
export interface TestRedis extends AsyncDisposable {
  /** `redis://`, the same before and after a restart. */
  readonly url: string
  readonly kind: RedisSource
  /** Resolves when the server has ended; after SIGSTOP and SIGCONT at once. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on its data, after ending it cleanly if it still runs. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

const binary = await findNativeServer()

/** For tests about the program `redis-server` itself; without one on PATH they are reported as skipped, by name. */
export const nativeOnly = it.skipIf(!binary)

/** Starts a server with an append-only file and no eviction; about 100 ms where a native one is installed. */
export async function startTestRedis(): Promise<TestRedis> {
  const source = redisSource() ?? (binary ? 'native' : 'wasm')
  if (source !== 'container') return startProcessRedis(source)
  // Loaded only where it is used: it takes longer than most test files.
  const { startContainerRedis } = await import('./container-redis.ts')
  return startContainerRedis()
}

const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

async function startProcessRedis(kind: 'native' | 'wasm'): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-redis-'))
  const password = randomBytes(16).toString('hex')
  const launchAt = async (port: number) => {
    if (kind === 'wasm') {
      return launchWasmServer({ folder, port, password, persistence: await choosePersistence(), logger: silentLogger })
    }
    if (!binary) throw new Error('No redis-server or valkey-server is on PATH')
    return launchNativeServer({ binary, folder, address: { port, password }, logger: silentLogger })
  }
  const started = await onFreePort(async (port) => ({ port, server: await launchAt(port) }))
  return new ProcessRedis(kind, folder, started.server, () => launchAt(started.port))
}

class ProcessRedis implements TestRedis {
  readonly kind: RedisSource
  readonly url: string
  readonly #folder: string
  readonly #launch: () => Promise<ServerProcess>
  #server: ServerProcess
  #running = true

  constructor(kind: RedisSource, folder: string, server: ServerProcess, launch: () => Promise<ServerProcess>) {
    this.kind = kind
    this.url = server.url
    this.#folder = folder
    this.#launch = launch
    this.#server = server
    this.#watch(server)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(this.#server.pid, signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.#server.exited
  }

  async restart(): Promise<void> {
    if (this.#running) {
      // A stopped process would not hear that it should end.
      await this.kill('SIGCONT')
      await this.#server.stop()
    }
    this.#server = await this.#launch()
    this.#watch(this.#server)
  }

  async stop(): Promise<void> {
    if (this.#running) await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #watch(server: ServerProcess): void {
    this.#running = true
    void server.exited.then(() => {
      if (this.#server === server) this.#running = false
    })
  }
}
