/** Answers of OpenAI's embeddings endpoint: developers.openai.com/api/reference, "Embeddings". */
import { readTokenUsage } from '../core/chat-assembler.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json-object.ts'
import { type Completion, ProviderError } from '../core/provider.ts'
import { shapeEmbeddings } from './answer-shape.ts'
import { reportedError } from './upstream-refusal.ts'
import { decodeVector, encodeVector, wantedEncoding } from './vector-encoding.ts'

/**
 * The answer in OpenAI's form, with what it used, and the vectors as the request wants them: several servers know numbers
 * alone. One that is right is left as it was written. Throws `invalid_response` for anything but a list of embeddings,
 * each of them numbers or base64, and what an `error` under status 200 means.
 */
export function readEmbeddings(text: string, requestJson: string, model: string): Completion {
  const answer = parseJsonObject(text)
  if (answer === null) throw new ProviderError('invalid_response', 'The answer is not a JSON object')
  if (Array.isArray(answer.data) && answer.data.length > 0 && answer.data.every(isEmbedding)) {
    const bodyJson = shapeEmbeddings(...asWanted(text, { ...answer, data: answer.data }, requestJson), model)
    return { bodyJson, usage: readTokenUsage(answer.usage) }
  }
  if (answer.error !== undefined && answer.error !== null) throw reportedError(answer.error)
  throw new ProviderError('invalid_response', 'The answer has no embeddings')
}

function asWanted(
  text: string,
  answer: JsonObject & { readonly data: readonly JsonObject[] },
  requestJson: string,
): [text: string, answer: JsonObject] {
  const wanted = wantedEncoding(requestJson) === 'base64' ? 'string' : 'object'
  if (answer.data.every(({ embedding }) => typeof embedding === wanted)) return [text, answer]
  const data = answer.data.map((item) => ({ ...item, embedding: recode(item.embedding, wanted) }))
  const recoded = { ...answer, data }
  return [JSON.stringify(recoded), recoded]
}

function recode(embedding: unknown, wanted: 'string' | 'object'): unknown {
  if (Array.isArray(embedding)) return wanted === 'string' ? encodeVector(embedding) : embedding
  return wanted === 'object' && typeof embedding === 'string' ? decodeVector(embedding) : embedding
}

function isEmbedding(item: unknown): item is JsonObject {
  if (!isJsonObject(item)) return false
  return typeof item.embedding === 'string' ? item.embedding !== '' : isVector(item.embedding)
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && typeof value[0] === 'number'
}
