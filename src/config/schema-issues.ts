import type { z } from 'zod'
import { allowedKeys } from './json-schema.ts'
import type { ConfigPath, Finding } from './problems.ts'
import { configSchema } from './schema.ts'
import { describeAllowed } from './suggestion.ts'

const kinds: Readonly<Record<string, string>> = {
  string: 'text; put it in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of names to values',
}

/** Words for the issues whose schema has none of its own. Values are left out: they may be secret. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`
    case 'too_big':
      return `must be at most ${issue.maximum}${sizeUnits[issue.origin] ?? ''}`
    default:
      return undefined
  }
}

const sizeUnits: Readonly<Record<string, string>> = { string: ' characters', array: ' items' }

/** Everything in which a value differs from the schema. */
export function findSchemaIssues(value: unknown): readonly Finding[] {
  const result = configSchema.safeParse(value, { error: describeIssue, reportInput: true })
  return result.success ? [] : result.error.issues.flatMap((issue) => toFindings(issue, []))
}

function toFindings(issue: z.core.$ZodIssue, parent: ConfigPath): Finding[] {
  const path = [...parent, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))]
  // Values that are undefined do not exist in YAML: the key is absent.
  if (issue.input === undefined) return [{ path, message: 'is required' }]
  if (issue.input === null) return [{ path, message: 'has no value; give it one or remove the key' }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        // Not as the value: names in the file are never secret, what stands there may be.
        message: `unknown key "${key}"`,
        advice: describeAllowed(key, allowedKeys(path)),
        isAboutName: true,
      }))
    case 'invalid_value':
      return [describeWrongWord(issue, path)]
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? 'is not a name', isAboutName: true }]
    case 'invalid_union':
      return nearestOption(issue.errors).flatMap((option) => toFindings(option, path))
    default:
      return [{ path, message: issue.message }]
  }
}

function describeWrongWord(issue: z.core.$ZodIssueInvalidValue, path: ConfigPath): Finding {
  const words = issue.values.map(String)
  if (typeof issue.input !== 'string') {
    return { path, message: 'is not allowed', advice: describeAllowed('', words) }
  }
  return { path, message: 'unknown value', value: issue.input, advice: describeAllowed(issue.input, words) }
}

/** Of several shapes that a value could have, the one that it got furthest with. */
function nearestOption(options: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(...issues.map(({ path }) => path.length))
  return [...options].sort((left, right) => depth(right) - depth(left))[0] ?? []
}
