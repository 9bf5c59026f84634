import assert from 'node:assert'
import type { Socket } from 'node:net'
import { WASI } from 'node:wasi'
import { HostSockets } from './host-sockets.ts'
import { type WasmMemory, type WasmModule, webAssembly } from './web-assembly.ts'

/** The functions that valkey.wasm offers: boot once, then one pass of its event loop per call. */
interface ValkeyExports {
  readonly memory: WasmMemory
  rk_boot(port: number): void
  /** @returns how many events it handled; 0 when there was nothing to do. */
  rk_step(): number
}

export interface ValkeyOptions {
  readonly module: WasmModule
  /** The folder that the server sees as `/` and keeps its data in. */
  readonly folder: string
  /** For INFO only; who listens is the host. */
  readonly port: number
  /** Called between loading the module and its first instruction. */
  readonly patchMemory?: (memory: Buffer) => void
  /** The server trapped and cannot go on. */
  readonly onFatal: (error: unknown) => void
}

// After this many passes other events of the process get their turn.
const passesPerTurn = 32
// Valkey's own tick: expiry, time-outs, the periodic fsync of its append-only file.
const tickMs = 100

/** One running Valkey inside this process. Booting loads its data, so it is ready when the constructor returns. */
export class ValkeyInstance {
  readonly #exports: ValkeyExports
  readonly #sockets: HostSockets
  readonly #onFatal: (error: unknown) => void
  readonly #timer: NodeJS.Timeout
  #memory: Buffer | undefined
  #scheduled = false
  #halted = false

  constructor(options: ValkeyOptions) {
    this.#onFatal = options.onFatal
    this.#sockets = new HostSockets(
      () => this.#currentMemory(),
      () => this.#schedule(),
    )
    const wasi = new WASI({
      version: 'preview1',
      args: ['valkey-server'],
      preopens: { '/': options.folder },
      returnOnExit: false,
    })
    const instance = new webAssembly.Instance(options.module, {
      wasi_snapshot_preview1: wasi.wasiImport,
      host: this.#sockets.imports(),
      // Valkey's Lua leaves errors by longjmp, compiled to this exception; its one value points to the jump buffer.
      env: { __c_longjmp: new webAssembly.Tag({ parameters: ['i32'] }) },
    })
    this.#exports = requireExports(instance.exports)
    options.patchMemory?.(this.#currentMemory())
    wasi.initialize(instance)
    this.#exports.rk_boot(options.port)
    this.#timer = setInterval(() => this.#step(), tickMs)
  }

  /** Serves one client until either side closes. */
  attach(socket: Socket): void {
    if (this.#halted) {
      socket.destroy()
      return
    }
    const events = this.#sockets.attach(socket)
    socket.on('data', events.received).on('drain', events.drained)
    socket.on('end', events.ended).on('close', events.ended)
    // A reset is an end like any other, and 'close' follows.
    socket.on('error', events.ended)
  }

  /**
   * Runs commands in RESP to their replies while no other client is served, so nothing happens between the last of
   * them and what the caller does next in the same turn.
   */
  runExclusively(request: string): string {
    let reply = ''
    const { received, ended } = this.#sockets.attachExclusive({
      write: (bytes) => {
        reply += bytes.toString('latin1')
        return true
      },
      destroySoon: () => {},
      pause: () => {},
      resume: () => {},
    })
    received(Buffer.from(request, 'latin1'))
    this.#stepUntilIdle()
    ended()
    this.#stepUntilIdle()
    this.#sockets.endExclusive()
    return reply
  }

  /** Stops for ever. Replies already given still reach their clients. */
  halt(): void {
    this.#halted = true
    clearInterval(this.#timer)
    this.#sockets.closeAll()
  }

  /** Growing the memory detaches the buffer that viewed it. */
  #currentMemory(): Buffer {
    const { buffer } = this.#exports.memory
    const memory = this.#memory?.buffer === buffer ? this.#memory : Buffer.from(buffer)
    this.#memory = memory
    return memory
  }

  #schedule(): void {
    if (this.#scheduled || this.#halted) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#step()
    })
  }

  /**
   * Replies leave at the beginning of the pass after the one that made them. One pass per event would leave every
   * reply to the next tick, 100 ms later; so it goes on until a pass finds nothing.
   */
  #step(): void {
    if (this.#halted) return
    try {
      for (let passes = 0; this.#exports.rk_step() > 0; passes++) {
        if (passes === passesPerTurn) {
          this.#schedule()
          return
        }
      }
    } catch (error) {
      this.halt()
      this.#onFatal(error)
    }
  }

  #stepUntilIdle(): void {
    while (this.#exports.rk_step() > 0);
  }
}

function requireExports(exports: Readonly<Record<string, unknown>>): ValkeyExports {
  const { memory, rk_boot, rk_step } = exports
  assert.ok(memory instanceof webAssembly.Memory, 'valkey.wasm exports its memory')
  assert.ok(typeof rk_boot === 'function' && typeof rk_step === 'function', 'valkey.wasm exports its event loop')
  return { memory, rk_boot: (port) => rk_boot(port), rk_step: () => rk_step() }
}
