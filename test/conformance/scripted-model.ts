import { type ChatScript, chunkRecord, lastRecords, say } from '../support/chat-upstream.ts'

/** A call of a tool that the model makes. */
export interface ScriptedCall {
  readonly name: string
  readonly arguments: object
}

interface Asked {
  readonly stream?: boolean
  readonly messages: readonly { role: string; content: unknown; tool_calls?: unknown }[]
}

/**
 * A model that calls tools turn by turn: the calls of a step at once, those of the next when it has their results. At
 * the end it says all results in their order, one to a line.
 */
export function callTools(steps: readonly (readonly ScriptedCall[])[]): ChatScript {
  return (call, response) => {
    const { messages } = JSON.parse(call.request.body) as Asked
    const step = messages.filter((message) => message.tool_calls !== undefined).length
    const calls = steps[step]
    if (!calls) {
      const results = messages.flatMap(({ role, content }) => (role === 'tool' ? String(content) : []))
      return say(results.join('\n'))(call, response)
    }
    const named = calls.map((each, index) => ({
      id: `call_${step}_${index}`,
      type: 'function',
      function: { name: each.name, arguments: JSON.stringify(each.arguments) },
    }))
    if (call.stream) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const record of toolRecords(named)) response.write(record)
      return void response.end(chunkRecord({}, 'tool_calls') + lastRecords().split('\n\n').slice(1).join('\n\n'))
    }
    const message = { role: 'assistant', content: null, tool_calls: named }
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
    const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
    const body = { id: 'c', object: 'chat.completion', created: 1_700_000_000, model: 'upstream-model', choices, usage }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

/** Names first, then the arguments in pieces of a few characters, as models write them. */
function toolRecords(calls: readonly { id: string; type: string; function: { name: string; arguments: string } }[]) {
  return calls.flatMap(({ id, type, function: { name, arguments: text } }, index) => [
    chunkRecord({ tool_calls: [{ index, id, type, function: { name, arguments: '' } }] }),
    ...(text.match(/.{1,5}/gsu) ?? []).map((piece) =>
      chunkRecord({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ])
}

const vectors = [
  [0.5, -0.25, 0.125],
  [1, 0, -1],
]

/** The vectors that `embed` gives to the texts of a request, the first two over and over. */
export const vectorOf = (index: number): number[] => [...(vectors[index % vectors.length] ?? [])]

/** Answers a call for embeddings in the encoding that it asks for. */
export const embed: ChatScript = (call, response) => {
  const { input, encoding_format } = JSON.parse(call.request.body) as {
    input: string | unknown[]
    encoding_format?: string
  }
  const texts = typeof input === 'string' ? [input] : input
  const data = texts.map((_, index) => {
    const vector = vectorOf(index)
    const bytes = Buffer.from(new Float32Array(vector).buffer)
    return { object: 'embedding', index, embedding: encoding_format === 'base64' ? bytes.toString('base64') : vector }
  })
  const usage = { prompt_tokens: 4 * texts.length, total_tokens: 4 * texts.length }
  const body = { object: 'list', data, model: 'upstream-embeddings', usage }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
