import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A `sluice up` as a user starts it: a process of its own, with its own Redis and the sandbox. */
export interface SluiceUp extends AsyncDisposable {
  readonly url: string
  readonly apiKey: string
  readonly webhookSecret: string
  /** Tells it to end. Resolves with its exit code. */
  stop(): Promise<number | null>
  /** Ends it at once, as a crash does. What it has written stays. */
  kill(): Promise<void>
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const apiKey = 'sk-test-up-0123456789'
const webhookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`

/**
 * Resolves when it has said that it is ready. `folder` is where it runs, which the caller removes: with a `sluice.yaml`, or
 * with the data of the one before. `surroundings` are added to its environment.
 */
export async function startSluiceUp(
  options: { folder?: string; surroundings?: Readonly<Record<string, string>> } = {},
): Promise<SluiceUp> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'sluice-up-')))
  // What the surroundings configure is not what is tested.
  const { REDIS_URL: _redis, SLUICE_CONFIG: _config, ...env } = process.env
  const child = spawn(process.execPath, [main, 'up', '--port', '0', '--data-dir', path.join(folder, 'data')], {
    cwd: folder,
    env: {
      ...env,
      SLUICE_API_KEY: apiKey,
      SLUICE_WEBHOOK_SECRET: webhookSecret,
      LOG_LEVEL: 'warn',
      ...options.surroundings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  const stop = async () => {
    await end('SIGTERM')
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    return child.exitCode
  }
  const url = await readReadyLine(child).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    url,
    apiKey,
    webhookSecret,
    stop,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

async function readReadyLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('sluice up has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^ready: (http:\/\/\S+)$/.exec(line)?.[1]
    if (url) return url
  }
  throw new Error(`sluice up ended with code ${child.exitCode} before it was ready`)
}
