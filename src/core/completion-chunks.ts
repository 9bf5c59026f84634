import { isJsonObject, type JsonObject } from './json-object.ts'

/**
 * The chunks of a `chat.completion` that came in one piece: for every choice one with the whole message and one with
 * its `finish_reason`, then one with `usage`. Fields that OpenAI does not know stay where they were.
 */
export function splitCompletion(completion: JsonObject): string[] {
  const { choices, usage, object: _, ...shared } = completion
  const head = { ...shared, object: 'chat.completion.chunk' }
  const chunks: string[] = []
  for (const choice of Array.isArray(choices) ? choices : []) {
    if (!isJsonObject(choice)) continue
    const { message, finish_reason, ...rest } = choice
    chunks.push(JSON.stringify({ ...head, choices: [{ ...rest, delta: toDelta(message), finish_reason: null }] }))
    const ending = { index: choice.index ?? 0, delta: {}, logprobs: null, finish_reason: finish_reason ?? 'stop' }
    chunks.push(JSON.stringify({ ...head, choices: [ending] }))
  }
  if (isJsonObject(usage)) chunks.push(JSON.stringify({ ...head, choices: [], usage }))
  return chunks
}

/** In a delta every tool call carries its `index`. */
function toDelta(message: unknown): JsonObject {
  if (!isJsonObject(message)) return {}
  const calls = message.tool_calls
  if (!Array.isArray(calls)) return message
  return { ...message, tool_calls: calls.map((call, index) => (isJsonObject(call) ? { index, ...call } : call)) }
}
