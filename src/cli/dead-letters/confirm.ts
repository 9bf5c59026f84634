import { ask } from '../client/ask.ts'

/** Asks on the terminal. @throws UsageError where there is none: a script must say what it wants. */
export async function confirm(question: string): Promise<boolean> {
  const typed = await ask(`${question} [y/N] `, 'Say --yes, or --dry-run to only look.')
  return typed !== null && /^y(es)?$/i.test(typed)
}
