/**
 * `${…}` in values: `${NAME}` and `${NAME:-default}` from the environment, `${file:/path}` from a file, `$${` for `${`
 * itself.
 *
 * Braces, commas and colons mean something to YAML, so `{ url: ${REDIS_URL} }` without quotes would not parse. Before
 * parsing, every reference is shielded: each of its ASCII characters moves to a private-use code point. Length and
 * lines stay the same, and with them every position; values are unshielded after parsing.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { getSystemErrorMessage } from 'node:util'

const shieldBase = 0xe000
/** A shielded `${…}` or `$${…}`; other private-use characters in the file are somebody's icons. */
const shieldedReference = /\ue024{1,2}\ue07b[^\ue07d]*\ue07d/g

export function shieldReferences(source: string): string {
  return source.replace(/\$?\$\{[^}\r\n]*\}/g, (reference) =>
    reference.replace(/[\0-\x7f]/g, (character) => String.fromCharCode(shieldBase + character.charCodeAt(0))),
  )
}

export function unshieldReferences(text: string): string {
  return text.replace(shieldedReference, (reference) =>
    reference.replace(/[\ue000-\ue07f]/g, (character) => String.fromCharCode(character.charCodeAt(0) - shieldBase)),
  )
}

/** Where references take their values from. */
export interface ReferenceSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths of `${file:…}` start here. */
  readonly folder: string
}

/** A reference that has no value. The message names the variable or file, never a default or a content. */
export class UnresolvedReference extends Error {
  override readonly name = 'UnresolvedReference'
}

const referenceOrEscape = /\$\$\{|\$\{([^}\r\n]*)\}?/g

export function hasReferences(text: string): boolean {
  return text.includes('${')
}

/** The text with its references replaced. Rejects with `UnresolvedReference` for the first that cannot be. */
export async function replaceReferences(text: string, sources: ReferenceSources): Promise<string> {
  const parts: string[] = []
  let end = 0
  for (const match of text.matchAll(referenceOrEscape)) {
    parts.push(text.slice(end, match.index))
    parts.push(match[1] === undefined ? '${' : await resolveReference(match[0], match[1], sources))
    end = match.index + match[0].length
  }
  return parts.join('') + text.slice(end)
}

async function resolveReference(reference: string, body: string, sources: ReferenceSources): Promise<string> {
  if (!reference.endsWith('}'))
    throw new UnresolvedReference(
      'a reference has no closing brace on its line; a literal one starts with two dollar signs',
    )
  if (body.includes('${')) throw new UnresolvedReference('a reference cannot contain another one')
  if (body.startsWith('file:')) return contentOf(body.slice('file:'.length).trim(), sources.folder)

  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(body) ?? []
  if (name === undefined) {
    throw new UnresolvedReference(`a reference is one of \${NAME}, \${NAME:-default} and \${file:/path}`)
  }
  // As in a shell's `:-`, an empty variable counts as unset: an empty key helps nobody.
  const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined
  if (value !== undefined && value !== '') return value
  if (fallback !== undefined) return fallback
  throw new UnresolvedReference(`the environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}`)
}

/** Secrets are short; a larger file is a mistake in the path. */
const maxFileBytes = 65_536

async function contentOf(path: string, folder: string): Promise<string> {
  if (path === '') throw new UnresolvedReference(`\${file:…} needs a path`)
  let bytes: Buffer
  try {
    bytes = await readFile(resolve(folder, path))
  } catch (error) {
    throw new UnresolvedReference(`the file ${path} cannot be read: ${describeReadError(error)}`)
  }
  if (bytes.length > maxFileBytes) throw new UnresolvedReference(`the file ${path} has more than ${maxFileBytes} bytes`)
  const content = bytes.toString('utf8').trim()
  if (content === '') throw new UnresolvedReference(`the file ${path} is empty`)
  return content
}

/** Why a file could not be read, in a few words and without its content. */
export function describeReadError(error: unknown): string {
  if (error instanceof TypeError) return 'it is not UTF-8'
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : Number.NaN
  return Number.isInteger(errno) ? getSystemErrorMessage(errno) : 'unknown error'
}
