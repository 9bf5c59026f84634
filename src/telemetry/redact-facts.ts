import { describeError } from './error-facts.ts'

/**
 * The second line of defence of the log: the first is that nobody hands content or keys to it. Names are compared
 * without case, `_` and `-`. Numbers and booleans pass under every name (`input: 12` is a token count).
 */
const secretNames = new Set([
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'apikey', 'xapikey', 'xgoogapikey'],
  ...['password', 'passphrase', 'secret', 'token', 'vaultkey', 'privatekey', 'credentials'],
  ...['messages', 'content', 'prompt', 'completion', 'answer', 'input', 'output', 'text', 'delta', 'arguments'],
  ...['body', 'bodyjson', 'payload'],
])

const redacted = '[redacted]'
const maxDepth = 5
const maxItems = 50
/** A fact is an id, a name, a code: what is longer is content that has lost its way. */
const maxStringLength = 512

/** A copy of a log line's facts without secrets, content, URL credentials and URL queries; errors become their facts. */
export function redactFacts(facts: object): Record<string, unknown> {
  return redactEntries(facts, 0)
}

function redactEntries(facts: object, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(facts).slice(0, maxItems)) {
    safe[name] = isHarmless(value) ? value : isSecret(name) ? redacted : redactValue(value, depth)
  }
  return safe
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (value instanceof Error) return describeError(value)
  if (value instanceof Date) return value
  if (value instanceof URL) return redactText(value.href)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth >= maxDepth) return '[too deep]'
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redactValue(item, depth + 1))
  return redactEntries(value, depth + 1)
}

function redactText(text: string): string {
  if (text.length > maxStringLength) return `[${text.length} characters]`
  if (!text.includes('://')) return text
  return text.replace(/(:\/\/)[^/?#\s]*@/g, `$1${redacted}@`).replace(/\?[^\s#]+/g, `?${redacted}`)
}

function isHarmless(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined
}

function isSecret(name: string): boolean {
  return secretNames.has(name) || secretNames.has(name.toLowerCase().replace(/[_-]/g, ''))
}
