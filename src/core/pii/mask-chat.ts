import { isJson, mapJsonLiterals } from './json-literals.ts'
import type { Masker } from './mask.ts'

/**
 * How a field is treated. `keep`: the protocol needs its value as it is. `word`: text in which the protocol allows no
 * angle brackets. `json`: JSON in a string. A shape: the fields of the object, or of each object of the list, that are
 * treated in their own way. Every field that is named nowhere is text, with all that it contains: personal data can
 * hide anywhere, in fields of tomorrow too.
 */
type Treatment = 'keep' | 'word' | 'json' | Shape
interface Shape {
  readonly [field: string]: Treatment
}

const called: Shape = { name: 'keep', arguments: 'json' }
const call: Shape = { id: 'keep', type: 'keep', function: called, custom: { name: 'keep' } }
const tool: Shape = { type: 'keep', function: { name: 'keep' }, custom: { name: 'keep' } }
/** Pictures, sound and files are base64 or links to them; whether they may pass is a matter of policy, not of masking. */
const part: Shape = {
  type: 'keep',
  image_url: 'keep',
  input_audio: 'keep',
  file: { file_data: 'keep', file_id: 'keep' },
}
const message: Shape = {
  role: 'keep',
  name: 'word',
  content: part,
  audio: 'keep',
  tool_call_id: 'keep',
  tool_calls: call,
  function_call: called,
}
/** OpenAI's chat-completions request: platform.openai.com/docs/api-reference/chat/create. */
const chatBody: Shape = {
  model: 'keep',
  messages: message,
  tools: tool,
  tool_choice: { ...tool, allowed_tools: { mode: 'keep', tools: tool } },
  functions: called,
  function_call: called,
  response_format: { type: 'keep', json_schema: { name: 'keep' } },
  logit_bias: 'keep',
}

/**
 * Masks every string of a chat-completions body but those that the protocol needs: `model`, roles, ids, names of
 * functions, media. Keys are masked as well. Numbers are left, except inside tool-call arguments, where a card number
 * may be written as one. The same pass counts: `masker.counts` says what a body holds, also when it is sent on as it
 * was. The body itself is not changed; parts without findings are shared with it.
 */
export function maskChatBody(body: unknown, masker: Masker): unknown {
  reserveAll(body, masker)
  return maskValue(body, chatBody, '', masker)
}

function reserveAll(value: unknown, masker: Masker): void {
  if (typeof value === 'string') masker.reserve(value)
  else if (Array.isArray(value)) for (const item of value) reserveAll(item, masker)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      masker.reserve(key)
      reserveAll(item, masker)
    }
  }
}

function maskValue(value: unknown, treatment: Treatment | undefined, name: string, masker: Masker): unknown {
  if (treatment === 'keep') return value
  if (typeof value === 'string') return maskString(value, treatment, name, masker)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const masked = value.map((item) => maskValue(item, treatment, name, masker))
    return masked.every((item, index) => item === value[index]) ? value : masked
  }
  return maskObject(value, typeof treatment === 'object' ? treatment : {}, masker)
}

function maskObject(value: object, shape: Shape, masker: Masker): object {
  let isChanged = false
  const entries = Object.entries(value).map(([key, item]) => {
    const isNamed = Object.hasOwn(shape, key)
    const masked = [
      isNamed ? key : masker.maskText(key),
      maskValue(item, isNamed ? shape[key] : undefined, key, masker),
    ]
    isChanged ||= masked[0] !== key || masked[1] !== item
    return masked
  })
  return isChanged ? Object.fromEntries(entries) : value
}

function maskString(text: string, treatment: Treatment | undefined, name: string, masker: Masker): string {
  if (treatment === 'word') return masker.maskWord(text)
  if (treatment === 'json' && isJson(text)) return maskJson(text, masker)
  return masker.maskText(text, name)
}

/** JSON in a string stays JSON: what is masked is what its strings say, not how they are written. */
function maskJson(json: string, masker: Masker): string {
  return mapJsonLiterals(json, ({ kind, text, under }) => {
    const masked = masker.maskText(text, kind === 'key' ? '' : under)
    return masked === text ? null : masked
  })
}
