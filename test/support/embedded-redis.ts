import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/store/embedded/embedded-redis.ts'
import { processStartedAt } from '../../src/store/embedded/process-identity.ts'
import { connectRedis } from '../../src/store/redis.ts'

/** Helpers for tests of the embedded Redis. Whatever they start or create is gone when the test has finished. */

export async function createDataDir(): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sluice-data-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

export interface Embedded {
  readonly redis: EmbeddedRedis
  /** What it logged at `warn` and `error`. */
  readonly complaints: readonly string[]
}

/** Starts one of the kind that the test insists on; '' lets it choose. */
export async function startEmbedded(dataDir: string, kind: '' | 'native' | 'wasm'): Promise<Embedded> {
  vi.stubEnv('SLUICE_EMBEDDED_REDIS', kind)
  onTestFinished(() => {
    vi.unstubAllEnvs()
  })
  const complaints: string[] = []
  const complain = (_facts: object, message: string) => complaints.push(message)
  const redis = await startEmbeddedRedis({
    dataDir,
    logger: { debug: () => {}, info: () => {}, warn: complain, error: complain },
  })
  onTestFinished(() => redis.stop())
  return { redis, complaints }
}

/** A worker connection, so commands wait while the server restarts. */
export function connectTo(url: string) {
  const redis = connectRedis(url, 'worker')
  onTestFinished(() => redis.disconnect())
  return redis
}

/** Another process that owns an embedded Redis. */
export async function startOwner(dataDir: string, kind: 'native' | 'wasm') {
  const script = fileURLToPath(new URL('./embedded-owner.ts', import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, dataDir], {
    env: { ...process.env, SLUICE_EMBEDDED_REDIS: kind },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, pid }: { url: string; pid: number } = JSON.parse(line)
    return { url, pid, kill: () => child.kill('SIGKILL') }
  }
  throw new Error('The owner ended before its Redis ran')
}

export function untilEnded(pid: number): Promise<void> {
  return vi.waitFor(
    async () => {
      if ((await processStartedAt(pid)) !== undefined) throw new Error(`Process ${pid} still runs`)
    },
    { timeout: 10_000, interval: 20 },
  )
}
