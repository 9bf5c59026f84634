import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'

const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts')

export interface CliEnd {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliProcess {
  readonly child: ChildProcess
  /** Resolves when the process has ended and all of its output is here. */
  readonly ended: Promise<CliEnd>
}

export interface CliOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** What it reads on stdin; nothing unless given. */
  readonly stdin?: string
  /** What a shell is given instead of the words. */
  readonly shell?: string
}

/** Starts `sluice` as a process of its own, without a terminal. */
export function startCli(words: readonly string[], options: CliOptions): CliProcess {
  const { cwd, env = {}, stdin = '', shell } = options
  // The environment of whoever runs the tests must not decide what they find.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLUICE_|REDIS_URL$|NODE_OPTIONS$)/.test(name))
  const [file, args] = shell === undefined ? [process.execPath, [main, ...words]] : ['/bin/sh', ['-c', shell]]
  const child = spawn(file, args, { cwd, env: { ...Object.fromEntries(inherited), ...env }, stdio: 'pipe' })
  // A command that does not read its input may end before it is written.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[exitCode], stdout, stderr]) => ({ exitCode: exitCode as number | null, stdout, stderr }),
  )
  return { child, ended }
}

/** Runs `sluice` to its end. */
export function runCli(words: readonly string[], options: CliOptions): Promise<CliEnd> {
  return startCli(words, options).ended
}
