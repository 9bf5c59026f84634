import { endOfString } from './json-walk.ts'

/** A string, a number or a key of a JSON document, and the key that it stands under, `''` if none. */
interface JsonLiteral {
  readonly kind: 'string' | 'number' | 'key'
  /** Decoded; a number as it is written. */
  readonly text: string
  readonly under: string
}

/**
 * Rewrites strings, numbers and keys of a JSON document and leaves every other sign as it is: no number loses digits, no
 * blank and no order changes. `rewrite` returns the new text, which becomes a string, or null to leave the literal.
 * Expects valid JSON; in anything else it rewrites what it can read.
 */
export function mapJsonLiterals(json: string, rewrite: (literal: JsonLiteral) => string | null): string {
  const literal = /"|-?\d[\d.eE+-]*/g
  let mapped = ''
  let from = 0
  let under = ''
  for (let match = literal.exec(json); match; match = literal.exec(json)) {
    const start = match.index
    const isString = match[0] === '"'
    const end = isString ? endOfString(json, start) : literal.lastIndex
    if (end === null) break
    literal.lastIndex = end
    const text = isString ? decode(json.slice(start, end)) : match[0]
    if (text === null) continue
    const isKey = isString && nextSign(json, end) === ':'
    const kind = isKey ? 'key' : isString ? 'string' : 'number'
    const rewritten = rewrite({ kind, text, under })
    if (isKey) under = text
    if (rewritten === null) continue
    mapped += json.slice(from, start) + JSON.stringify(rewritten)
    from = end
  }
  return from === 0 ? json : mapped + json.slice(from)
}

function nextSign(json: string, from: number): string {
  let index = from
  while (/\s/.test(json[index] ?? '')) index += 1
  return json[index] ?? ''
}

function decode(literal: string): string | null {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return JSON.parse(literal) as string
  } catch {
    return null
  }
}

/** A text as it stands between the quotes of a JSON string. */
export function encodeInJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
