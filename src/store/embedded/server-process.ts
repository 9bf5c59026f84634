import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../core/telemetry.ts'

export class EmbeddedRedisError extends Error {
  override readonly name = 'EmbeddedRedisError'
}

/** A server that answers. */
export interface ServerProcess {
  readonly pid: number
  readonly url: string
  /** Resolves when the process has ended, with how: `exit code 1` or `SIGKILL`. */
  readonly exited: Promise<string>
  lastLines(): string
  /** Ends it so that it saves what it has. */
  stop(): Promise<void>
}

const linesKept = 12
// Time for a last save; everything written so far is in a file anyway.
const stopTimeoutMs = 10_000

/** Keeps the last lines of what a server says, and passes each on at debug level. */
export function watchChild(child: ChildProcess, logger: Logger): Pick<ServerProcess, 'exited' | 'lastLines'> {
  const lines: string[] = []
  const read = (stream: Readable | null) => {
    if (!stream) return
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > linesKept) lines.shift()
      logger.debug({ line }, 'Embedded Redis says')
    })
  }
  read(child.stdout)
  read(child.stderr)
  return {
    // 'close' rather than 'exit': the last lines, which say why, have been read by then.
    exited: once(child, 'close').then(
      ([code, signal]: unknown[]) => (signal ? String(signal) : `exit code ${code}`),
      (error: Error) => error.message,
    ),
    lastLines: () => lines.join('\n'),
  }
}

/** SIGTERM, and SIGKILL after 10 s. */
export async function endChild(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGTERM')
  const timeout = new AbortController()
  const outcome = await Promise.race([
    exited,
    sleep(stopTimeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined),
  ])
  timeout.abort()
  if (outcome !== undefined) return
  child.kill('SIGKILL')
  await exited
}

/** Rejects when the server ends before `ready` resolves, with its last lines. */
export async function readyOrExited<Result>(
  ready: Promise<Result>,
  { exited, lastLines }: Pick<ServerProcess, 'exited' | 'lastLines'>,
): Promise<Result> {
  const failed = exited.then((how): never => {
    throw new EmbeddedRedisError(`The embedded Redis ended while starting (${how}). It said last:\n${lastLines()}`)
  })
  return Promise.race([ready, failed])
}
