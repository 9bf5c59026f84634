import type { z } from 'zod'
import { ProviderError } from '../../core/provider.ts'

/** Says that an upstream can't do what a field asks for. `field` is a path of names, never a value. */
export function unsupported(upstream: string, field: string): ProviderError {
  return new ProviderError('unsupported', `${upstream} does not support ${field} as given`)
}

/** The path of the first field that a schema did not take, below `prefix`. */
export function firstField(error: z.ZodError, prefix = ''): string {
  const issue = error.issues[0]
  const last = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
  const path = [...(issue?.path ?? []), ...last].map(String).join('.').slice(0, 100)
  return [prefix, path].filter((part) => part !== '').join('.') || 'body'
}
