import assert from 'node:assert'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { adoptSnapshot, appendOnlySizes, hasAppendOnlyFile, rebaseOnSnapshot } from './append-only-file.ts'
import { ValkeyInstance } from './valkey-instance.ts'
import type { WasmModule } from './web-assembly.ts'

/** How a Valkey in WebAssembly keeps its data. It cannot fork, so nothing is ever saved in the background. */
export interface WasmPersistence {
  boot(): Promise<ValkeyInstance>
  /** Called every second. Returns the instance that serves from now on, which may be a new one. */
  maintain(running: ValkeyInstance): Promise<ValkeyInstance>
  /** Saves and halts. */
  close(running: ValkeyInstance): Promise<void>
}

export interface WasmServerOptions {
  readonly module: WasmModule
  readonly folder: string
  readonly port: number
  readonly password: string
  readonly onFatal: (error: unknown) => void
}

// A start reads about 40 MB of commands a second, so this is some seconds of waiting after a crash.
const rebaseAboveBytes = 128 << 20
// Saving blocks the server; it may take a tenth of its time.
const pausePerSaveTime = 10

/**
 * Every write is in the file before its reply is sent, and the file is synced every second.
 *
 * The module starts its server with a fixed `--appendonly no`, and switching it on later needs a fork. Its command line
 * lies in its memory, though: `--protected-mode no` becomes `--include x` and a disabled user called "no", and `x` is a
 * configuration file of ours. Which bytes these are is known of one build only; `wasm-launcher.ts` names it.
 */
export function keepAppendOnlyFile(options: WasmServerOptions): WasmPersistence {
  const { folder, password } = options
  const configurationFile = path.join(folder, 'x')

  const boot = async () => {
    await adoptSnapshot(folder)
    const settings = ['dir /', 'appendonly yes', 'appendfsync everysec', 'auto-aof-rewrite-percentage 0']
    writeFileSync(configurationFile, [...settings, `requirepass ${password}`, ''].join('\n'), { mode: 0o600 })
    try {
      return new ValkeyInstance({ ...options, patchMemory: includeConfigurationFile })
    } finally {
      // Read while booting, and it holds the password.
      rmSync(configurationFile, { force: true })
    }
  }

  /** Returns whether the server was halted; it goes on with its long file when the disk has no room for a snapshot. */
  const rebase = async (running: ValkeyInstance) => {
    if (!save(running, password)) return false
    running.halt()
    await rebaseOnSnapshot(folder)
    return true
  }

  return {
    boot,
    maintain: async (running) => {
      const { baseBytes, appendedBytes } = await appendOnlySizes(folder)
      if (appendedBytes < Math.max(rebaseAboveBytes, 2 * baseBytes)) return running
      return (await rebase(running)) ? boot() : running
    },
    close: async (running) => {
      const { appendedBytes } = await appendOnlySizes(folder)
      if (appendedBytes > 0 && (await rebase(running))) return
      running.halt()
    },
  }
}

/** For any other build: a snapshot every second in which something changed. */
export function keepSnapshots(options: WasmServerOptions): WasmPersistence {
  const { folder, password } = options
  let nextSaveMs = 0
  return {
    boot: async () => {
      // It would start empty beside it.
      if (hasAppendOnlyFile(folder)) throw new Error(`${folder} holds an append-only file; this build reads snapshots`)
      const valkey = new ValkeyInstance(options)
      valkey.runExclusively(`CONFIG SET requirepass ${password}\r\n`)
      return valkey
    },
    maintain: async (running) => {
      const info = running.runExclusively(`AUTH ${password}\r\nINFO persistence\r\n`)
      if (performance.now() < nextSaveMs || info.includes('rdb_changes_since_last_save:0')) return running
      const startedMs = performance.now()
      save(running, password)
      nextSaveMs = performance.now() + pausePerSaveTime * (performance.now() - startedMs)
      return running
    },
    close: async (running) => {
      save(running, password)
      running.halt()
    },
  }
}

function save(running: ValkeyInstance, password: string): boolean {
  const reply = running.runExclusively(`AUTH ${password}\r\nSAVE\r\n`)
  if (reply === '+OK\r\n+OK\r\n') return true
  console.error('SAVE failed:', reply)
  return false
}

/** Sixteen bytes for sixteen. The name of the option shares their tail, so protected mode can no longer be set. */
function includeConfigurationFile(memory: Buffer): void {
  const position = memory.indexOf('--protected-mode\0', 0, 'latin1')
  assert.ok(position >= 0, 'valkey.wasm has its command line in its memory')
  memory.write('--include x\nuser', position, 'latin1')
}
