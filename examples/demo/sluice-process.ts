import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

export const projectFolder = path.resolve(import.meta.dirname, '../..')
const main = path.join(projectFolder, 'src/cli/main.ts')

const startTimeoutMs = 45_000
const stopTimeoutMs = 15_000
/** Between two tokens of the sandbox, so that streaming can be seen. */
const tokenDelayMs = '15'

/** `sluice up` in a process of its own, with keys that only this demo knows. */
export interface SluiceProcess extends AsyncDisposable {
  readonly url: string
  readonly apiKey: string
  readonly webhookSecret: string
  /** Runs a command of the CLI against it; its notes and progress go to stderr. */
  run(words: readonly string[], signal: AbortSignal): Promise<{ exitCode: number | null; stdout: string }>
}

/** @param dataDir also the working folder, so that no `sluice.yaml` of the reader's is picked up. */
export async function startSluice(dataDir: string, signal: AbortSignal): Promise<SluiceProcess> {
  const apiKey = `sk-demo-${randomBytes(16).toString('hex')}`
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`
  const env = {
    ...withoutSluice(process.env),
    SLUICE_API_KEY: apiKey,
    SLUICE_WEBHOOK_SECRET: webhookSecret,
    SANDBOX_TOKEN_DELAY_MS: tokenDelayMs,
    LOG_LEVEL: 'warn',
  }
  const words = [main, 'up', '--port', '0', '--data-dir', dataDir]
  const child = spawn(process.execPath, words, {
    cwd: dataDir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Out of the terminal's group: at Ctrl-C the demo says when it is time to stop.
    detached: true,
  })
  try {
    const url = await readReadyLine(child, AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)]))
    return {
      url,
      apiKey,
      webhookSecret,
      run: (words, signal) => runCli(words, { ...env, SLUICE_URL: url }, signal),
      [Symbol.asyncDispose]: () => stop(child),
    }
  } catch (error) {
    await stop(child)
    throw error
  }
}

/** The demo brings its own of everything, whatever the reader has set up. */
function withoutSluice(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(SLUICE_|SANDBOX_|OTEL_|REDIS_URL$|LOG_LEVEL$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)))
}

async function readReadyLine(child: ChildProcess, signal: AbortSignal): Promise<string> {
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('sluice up has no output')
  let complaints = ''
  stderr.on('data', (piece) => {
    complaints = `${complaints}${piece}`.slice(-2_000)
  })
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`sluice up ${why}\n${complaints}`))
    child.once('exit', (code) => fail(`ended at its start with code ${code}`))
    child.once('error', (error) => fail(`could not be started: ${error.message}`))
    signal.addEventListener('abort', () => fail('was not ready in time'), { once: true })
    createInterface({ input: stdout }).on('line', (line) => {
      const url = /^ready: (\S+)/.exec(line)?.[1]
      if (url) resolve(url)
    })
  })
}

async function runCli(words: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal) {
  const child = spawn(process.execPath, [main, ...words], {
    cwd: projectFolder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    // Stopped without a word: how to go on would be advice about files that are about to be removed.
    detached: true,
    killSignal: 'SIGKILL',
    signal,
  })
  const [[exitCode], stdout] = await Promise.all([once(child, 'exit'), text(child.stdout)])
  return { exitCode: exitCode as number | null, stdout }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exited
  clearTimeout(timer)
}
