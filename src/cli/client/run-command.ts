import { ApiError, describeFailure, FileError, UsageError } from './failures.ts'
import { GaveUpError } from './patience.ts'

/**
 * Runs a command's action and turns its end into an exit code: what the action returns, 2 for wrong use, 1 for an
 * expected failure, which is told in one line (as JSON on stdout with `json`). A bug is thrown on.
 */
export async function runCommand(context: { json: boolean }, action: () => Promise<number>): Promise<void> {
  // A reader that has seen enough, such as `head`, closes the pipe; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  try {
    process.exitCode = await action()
  } catch (error) {
    const text = error instanceof GaveUpError ? error.message : describeFailure(error)
    if (text === null) throw error
    reportFailure(error, text, context.json)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/** An expected failure for a person on stderr, or for a program on stdout. */
function reportFailure(error: unknown, text: string, json: boolean): void {
  if (!json) {
    process.stderr.write(`error: ${text}\n`)
    return
  }
  printJson({ error: { code: codeOf(error), message: text } })
}

function codeOf(error: unknown): string {
  if (error instanceof ApiError) return error.code
  if (error instanceof UsageError) return 'wrong_use'
  return error instanceof FileError ? 'file_not_writable' : 'no_connection'
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`)
}
