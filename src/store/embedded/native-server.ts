import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from '../../core/telemetry.ts'
import { connectRedis, untilReady } from '../redis.ts'
import { adoptSnapshot } from './append-only-file.ts'
import { endChild, readyOrExited, type ServerProcess, watchChild } from './server-process.ts'

export interface NativeBinary {
  readonly file: string
  readonly kind: 'valkey-server' | 'redis-server'
  readonly version: string
}

/** A port needs a password, because every user of the machine can reach it; a socket has the rights of a file. */
export type NativeAddress = { readonly socketPath: string } | { readonly port: number; readonly password: string }

// Redis 7 is the first to keep its append-only file in parts, which is the layout that every kind here shares.
const minimumMajorVersion = 7
// A large file takes a while to load.
const startTimeoutMs = 120_000

/** The first of `valkey-server` and `redis-server` on PATH that is new enough. */
export async function findNativeServer(): Promise<NativeBinary | undefined> {
  for (const kind of ['valkey-server', 'redis-server'] as const) {
    for (const folder of (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
      const file = path.join(folder, kind)
      const version = await versionOf(file)
      if (version && Number.parseInt(version, 10) >= minimumMajorVersion) return { file, kind, version }
    }
  }
  return undefined
}

/**
 * Starts a private server on `folder` and resolves once it has loaded its data.
 *
 * @throws EmbeddedRedisError with the server's last lines when it ends instead.
 */
export async function launchNativeServer(options: {
  binary: NativeBinary
  folder: string
  address: NativeAddress
  logger: Logger
}): Promise<ServerProcess> {
  const { binary, folder, address, logger } = options
  await adoptSnapshot(folder)
  // Detached: Ctrl-C goes to the whole foreground group, and what drains still needs its queue.
  const child = spawn(binary.file, ['-'], { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const watched = watchChild(child, logger)
  child.stdin.on('error', () => {}).end(configurationOf(folder, address))
  const endWatchdog = endServerWithThisProcess(child.pid)
  void watched.exited.then(endWatchdog)
  const url = urlOf(address)
  const stop = () => endChild(child, watched.exited)
  const redis = connectRedis(url, 'worker')
  try {
    await readyOrExited(untilReady(redis, startTimeoutMs), watched)
  } catch (error) {
    await stop()
    throw error
  } finally {
    redis.disconnect()
  }
  return { ...watched, pid: child.pid ?? 0, url, stop }
}

async function versionOf(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.X_OK)
    const { stdout } = await promisify(execFile)(file, ['--version'], { timeout: 5_000 })
    return /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  } catch {
    // Not there, or not a server that says what it is: the next one on PATH may be.
    return undefined
  }
}

/** Given on standard input, so that the password is in no file and no process list. */
function configurationOf(folder: string, address: NativeAddress): string {
  const listen =
    'socketPath' in address
      ? ['port 0', `unixsocket ${JSON.stringify(address.socketPath)}`, 'unixsocketperm 700']
      : [`port ${address.port}`, 'bind 127.0.0.1', `requirepass ${address.password}`]
  // A job writes about 15 KB: with the usual 64 MB, a batch of some thousand lines would have the file rewritten.
  const rewriting = 'auto-aof-rewrite-min-size 256mb'
  const durability = ['appendonly yes', 'appendfsync everysec', rewriting, 'maxmemory-policy noeviction', 'save ""']
  return [`dir ${JSON.stringify(folder)}`, ...listen, ...durability, 'daemonize no', ''].join('\n')
}

function urlOf(address: NativeAddress): string {
  if ('port' in address) return `redis://:${address.password}@127.0.0.1:${address.port}`
  return `unix://${address.socketPath.split('/').map(encodeURIComponent).join('/')}`
}

/**
 * The server cannot notice that this process has died, but a shell that waits for the end of its input can. Without it
 * a `kill -9` would leave a server behind for good.
 *
 * @returns how to call it off, for when the server has ended and its number may belong to another process.
 */
function endServerWithThisProcess(serverPid: number | undefined): () => void {
  if (serverPid === undefined) return () => {}
  const watchdog = spawn('/bin/sh', ['-c', 'read -r _; kill -TERM "$1"', 'sh', String(serverPid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.on('error', () => {})
  return () => watchdog.kill('SIGKILL')
}
