/**
 * Child processes of a run. Each gets a process group of its own, so that Ctrl-C reaches only the runner, which then
 * stops them in order; whatever is left when the runner exits is killed.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What runs, and whether it ends only after the rest: a Redis outlives those who use it. */
const running = new Map<ChildProcess, 'first' | 'last'>()
const stops: (() => Promise<void>)[] = []
process.on('exit', () => {
  for (const child of running.keys()) signalGroup(child, 'SIGKILL')
})

export interface ProgramOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  /** Where stdout and stderr go: a file costs the runner nothing while it measures. */
  readonly logFile: string
  readonly ready: RegExp
  readonly timeoutMs: number
  readonly stop?: 'first' | 'last'
}

/** Starts a program and waits until its output matches `ready`. Rejects with the end of its log if it exits first. */
export async function startProgram(options: ProgramOptions): Promise<ChildProcess> {
  const log = openSync(options.logFile, 'w')
  const child = spawn(options.command, [...options.args], {
    env: options.environment,
    stdio: ['ignore', log, log],
    detached: true,
  })
  track(child, options.stop)
  const startError = new Promise<never>((_, reject) => child.once('error', reject))
  await Promise.race([startError, untilReady(child, options)])
  return child
}

async function untilReady(child: ChildProcess, { logFile, ready, timeoutMs }: ProgramOptions): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!ready.test(readFileSync(logFile, 'utf8'))) {
    const ended = child.exitCode !== null || child.signalCode !== null
    if (ended || performance.now() > deadline) {
      await stopProcess(child)
      const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-20).join('\n')
      throw new Error(`${child.spawnargs.join(' ')} ${ended ? 'ended' : 'was not ready in time'}:\n${tail}`)
    }
    await sleep(20)
  }
}

/** Starts one of this folder's own scripts with a message channel and returns its first message. */
export async function startScript<First>(script: string, env: NodeJS.ProcessEnv): Promise<[ChildProcess, First]> {
  const child = fork(new URL(script, import.meta.url), { env, detached: true })
  track(child)
  const [first] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${script} ended at start with code ${code}`))),
  ])
  return [child, first as First]
}

function track(child: ChildProcess, stop: 'first' | 'last' = 'first'): void {
  running.set(child, stop)
  child.once('exit', () => running.delete(child))
}

/** Asks with SIGTERM and kills the whole group if that takes longer than `graceMs`. */
export async function stopProcess(child: ChildProcess, graceMs = 10_000): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs)
  await ended
  clearTimeout(timer)
  // Grandchildren that outlived their parent.
  signalGroup(child, 'SIGKILL')
}

/** For a server that brings its own way of stopping; called after the programs that use it have ended. */
export function stopAtEnd(stop: () => Promise<void>): void {
  stops.push(stop)
}

export async function stopAllProcesses(): Promise<void> {
  for (const turn of ['first', 'last']) {
    const children = [...running].filter(([, stop]) => stop === turn)
    await Promise.all(children.map(([child]) => stopProcess(child)))
  }
  await Promise.all(stops.splice(0).map((stop) => stop()))
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: the group is gone already, which is the aim.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}

/** What a child needs of this environment and no more: proxies, telemetry and keys of the caller stay out. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, TMPDIR, ...extra }
}
