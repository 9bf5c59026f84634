import { createInterface } from 'node:readline/promises'
import { UsageError } from '../client/failures.ts'

/** Asks on the terminal. @throws UsageError where there is none: a script must say what it wants. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('Nothing was done: say --yes, or --dry-run to only look.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
