import { createInterface } from 'node:readline/promises'
import { UsageError } from './failures.ts'

interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
}

/**
 * Asks on the terminal. Null where somebody would rather not say: Ctrl-C, Ctrl-D.
 * @throws UsageError with `advice` where there is no terminal: a script must say what it wants.
 */
export async function ask(
  question: string,
  advice: string,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<string | null> {
  if (!input.isTTY) throw new UsageError(`Nothing was done: there is no terminal to ask on. ${advice}`)
  const terminal = createInterface({ input, output })
  try {
    return (await terminal.question(question)).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error
    output.write('\n')
    return null
  } finally {
    terminal.close()
  }
}
