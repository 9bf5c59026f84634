/**
 * What answers of other upstreams leave in a conversation that goes on elsewhere: signatures of a model's thoughts, which
 * only their maker can read; marks of what to keep in a cache; notes of gateways; OpenAI's fields that were empty. To
 * another model they say nothing, and some upstreams refuse fields that they do not know.
 */
import type { DialectQuirks } from '../core/dialect.ts'
import { isJsonObject, type JsonObject } from '../core/json-object.ts'

/** Known to those alone who wrote them. */
const foreignNames = [
  'thinking_blocks',
  'extra_content',
  'cache_control',
  'reasoning_details',
  'provider_specific_fields',
]
/** Of OpenAI's answers, and refused by strict upstreams even where they are empty. */
const leftoverNames = ['refusal', 'annotations', 'audio', 'function_call']
const thoughtNames = ['reasoning_content', 'reasoning']

const foreign: ReadonlySet<string> = new Set(foreignNames)
const leftovers: ReadonlySet<string> = new Set(leftoverNames)

const knownPattern = patternOf(foreignNames)
const thoughtPattern = patternOf([...foreignNames, ...thoughtNames])
const strictPattern = patternOf([...foreignNames, ...thoughtNames, ...leftoverNames])

function patternOf(names: readonly string[]): RegExp {
  return new RegExp(`"(?:${names.join('|')})"`)
}

/** Whether the text may have fields that this upstream would refuse. */
export function mayHaveForeignFields(json: string, { messages, thoughts }: DialectQuirks): boolean {
  if (messages === undefined) return false
  if (messages === 'strict') return strictPattern.test(json)
  return (thoughts === undefined ? knownPattern : thoughtPattern).test(json)
}

/** The JSON text of `messages` or `tools` without them; what a schema or a text calls so stays. */
export function withoutForeignFields(json: string, quirks: DialectQuirks): string {
  if (!mayHaveForeignFields(json, quirks)) return json
  const items: unknown = JSON.parse(json)
  return Array.isArray(items) ? JSON.stringify(items.map((item) => stripItem(item, quirks))) : json
}

/** A message with its parts and calls, or a tool. */
function stripItem(item: unknown, quirks: DialectQuirks): unknown {
  if (!isJsonObject(item)) return item
  const { content, tool_calls: calls, ...rest } = strip(item, quirks)
  return {
    ...renameThoughts(rest, quirks),
    ...(content !== undefined && { content: stripList(content, quirks) }),
    ...(calls !== undefined && { tool_calls: stripList(calls, quirks) }),
  }
}

function stripList(value: unknown, quirks: DialectQuirks): unknown {
  return Array.isArray(value) ? value.map((item) => (isJsonObject(item) ? strip(item, quirks) : item)) : value
}

function strip(object: JsonObject, { messages }: DialectQuirks): JsonObject {
  const isKept = ([name, value]: readonly [string, unknown]) =>
    !foreign.has(name) && !(messages === 'strict' && leftovers.has(name) && isEmpty(value))
  return Object.fromEntries(Object.entries(object).filter(isKept))
}

/** Earlier thoughts under the name that the upstream has for them, or not at all where it takes none. */
function renameThoughts(message: JsonObject, { thoughts }: DialectQuirks): JsonObject {
  if (thoughts === undefined) return message
  const { reasoning_content: content, reasoning, ...rest } = message
  const earlier = content ?? reasoning
  return thoughts === 'none' || isEmpty(earlier) ? rest : { ...rest, [thoughts]: earlier }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}
