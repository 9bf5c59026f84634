import type { Masker } from './mask.ts'

/**
 * Masks a chat-completions body. Text can hide anywhere, in fields of tomorrow too, so every string is masked except
 * those under names that are part of the protocol and have values that an upstream must read as they are.
 */
export function maskChatBody(body: unknown, masker: Masker): unknown {
  return maskValue(body, masker, '')
}

/** Names whose strings are identifiers or fixed words of the protocol. */
const protocolNames: ReadonlySet<string> = new Set([
  'model',
  'role',
  'type',
  'id',
  'tool_call_id',
  'format',
  'detail',
  'effort',
  'reasoning_effort',
  'verbosity',
  'service_tier',
  'modalities',
  'required',
  '$ref',
])
/** Binary content in base64 or a link to it; masking inside would break it. Policy decides whether it may pass. */
const binaryNames: ReadonlySet<string> = new Set(['image_url', 'input_audio', 'file_data'])

function maskValue(value: unknown, masker: Masker, name: string): unknown {
  if (typeof value === 'string') return maskString(value, masker, name)
  if (Array.isArray(value)) return value.map((item) => maskValue(item, masker, name))
  if (typeof value !== 'object' || value === null || binaryNames.has(name)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isFunctionName(name, key) ? item : maskValue(item, masker, key)]),
  )
}

/** A tool is called by its name; the `name` of a message or of a person is text like any other. */
function isFunctionName(parent: string, key: string): boolean {
  return key === 'name' && (parent === 'function' || parent === 'json_schema' || parent === 'function_call')
}

function maskString(text: string, masker: Masker, name: string): string {
  if (protocolNames.has(name)) return text
  return name === 'arguments' ? maskJsonText(text, masker) : masker.maskText(text)
}

/** JSON in a string stays JSON: its own strings are masked, decoded and encoded again. */
function maskJsonText(text: string, masker: Masker): string {
  try {
    const value: unknown = JSON.parse(text)
    const masked = maskValue(value, masker, '')
    const before = JSON.stringify(value)
    const after = JSON.stringify(masked)
    return before === after ? text : after
  } catch {
    return masker.maskText(text)
  }
}
