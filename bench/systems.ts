/** The four things that are compared, each started the way its users start it. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LoadTarget } from './load.ts'
import { cleanEnvironment, freePort, startProgram, startScript } from './processes.ts'
import { type PrivateRedis, type RedisChoice, startRedis } from './redis.ts'

export const systemNames = ['upstream', 'portkey', 'two-queue', 'sluice'] as const
export type SystemName = (typeof systemNames)[number]

export interface System {
  readonly name: SystemName
  readonly target: LoadTarget
  /** Roots of its process trees, its Redis apart. */
  readonly pids: readonly number[]
  readonly redis: PrivateRedis | null
  readonly takesJobs: boolean
}

export interface Surroundings {
  readonly upstreamOrigin: string
  readonly redis: RedisChoice
  /** Where logs and data of this run go. */
  readonly folder: string
  /** Node options for the Sluice process, for profiling. */
  readonly sluiceNodeOptions?: readonly string[]
}

export async function startUpstream(): Promise<System> {
  const [child, { port }] = await startScript<{ port: number }>('upstream.ts', cleanEnvironment())
  return {
    name: 'upstream',
    target: { origin: `http://127.0.0.1:${port}`, headers: {} },
    pids: [child.pid ?? 0],
    redis: null,
    takesJobs: false,
  }
}

export async function startTwoQueue({ upstreamOrigin, redis, folder }: Surroundings): Promise<System> {
  const server = await startRedis(redis, join(folder, 'two-queue-redis'))
  const environment = cleanEnvironment({ REDIS_URL: server.url, BENCH_UPSTREAM: upstreamOrigin })
  const [child, { port }] = await startScript<{ port: number }>('two-queue.ts', environment)
  return {
    name: 'two-queue',
    target: { origin: `http://127.0.0.1:${port}`, headers: {} },
    pids: [child.pid ?? 0],
    redis: server,
    takesJobs: true,
  }
}

export async function startSluice(surroundings: Surroundings): Promise<System> {
  const { upstreamOrigin, redis, folder, sluiceNodeOptions = [] } = surroundings
  const server = await startRedis(redis, join(folder, 'sluice-redis'))
  const key = `sk-bench-${randomBytes(24).toString('hex')}`
  const port = await freePort()
  const dataDir = join(folder, 'sluice-data')
  await mkdir(dataDir, { recursive: true })
  const main = join(import.meta.dirname, '../src/cli/main.ts')
  const config = join(import.meta.dirname, 'sluice.yaml')
  const child = await startProgram({
    command: process.execPath,
    args: [...sluiceNodeOptions, main, 'up', '--config', config, '--port', String(port), '--data-dir', dataDir],
    environment: cleanEnvironment({
      REDIS_URL: server.url,
      BENCH_KEY: key,
      BENCH_UPSTREAM: upstreamOrigin,
      SLUICE_VAULT_KEY: randomBytes(32).toString('base64'),
    }),
    logFile: join(folder, 'sluice.log'),
    ready: /^ready: http/m,
    timeoutMs: 30_000,
  })
  return {
    name: 'sluice',
    target: { origin: `http://127.0.0.1:${port}`, headers: { authorization: `Bearer ${key}` } },
    pids: [child.pid ?? 0],
    redis: server,
    takesJobs: true,
  }
}

const portkeyMain = join(import.meta.dirname, 'node_modules/@portkey-ai/gateway/build/start-server.js')

/** Installs what `bench/package-lock.json` names, once. Install scripts stay off; none is needed. */
export async function installPortkey(say: (line: string) => void): Promise<void> {
  if (existsSync(portkeyMain)) return
  say('installing @portkey-ai/gateway into bench/node_modules (once) …')
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--prefix', import.meta.dirname], { timeout: 180_000 })
}

/** Without its console and its log stream. It listens on every interface; it has no option for the address. */
export async function startPortkey({ upstreamOrigin, folder }: Surroundings): Promise<System> {
  const port = await freePort()
  const child = await startProgram({
    command: process.execPath,
    args: [portkeyMain, '--headless', `--port=${port}`],
    environment: cleanEnvironment({ NODE_ENV: 'production' }),
    logFile: join(folder, 'portkey.log'),
    ready: /Ready for connections/,
    timeoutMs: 30_000,
  })
  return {
    name: 'portkey',
    target: {
      origin: `http://127.0.0.1:${port}`,
      headers: {
        authorization: 'Bearer bench',
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `${upstreamOrigin}/v1`,
      },
    },
    pids: [child.pid ?? 0],
    redis: null,
    takesJobs: false,
  }
}

export async function portkeyVersion(): Promise<string> {
  const manifest = await readFile(join(portkeyMain, '../../package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
