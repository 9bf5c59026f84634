/** Answers of OpenAI's embeddings endpoint: developers.openai.com/api/reference, "Embeddings". */
import { readTokenUsage } from '../core/chat-assembler.ts'
import { isJsonObject, parseJsonObject } from '../core/json-object.ts'
import { type Completion, ProviderError } from '../core/provider.ts'
import { reportedError } from './upstream-refusal.ts'

/**
 * The answer as it was written, with what it used. Throws `invalid_response` for anything but a list of embeddings, each
 * of them numbers or base64, and what an `error` under status 200 means.
 */
export function readEmbeddings(bodyJson: string): Completion {
  const answer = parseJsonObject(bodyJson)
  if (answer === null) throw new ProviderError('invalid_response', 'The answer is not a JSON object')
  if (Array.isArray(answer.data) && answer.data.length > 0 && answer.data.every(isEmbedding)) {
    return { bodyJson, usage: readTokenUsage(answer.usage) }
  }
  if (answer.error !== undefined && answer.error !== null) throw reportedError(answer.error)
  throw new ProviderError('invalid_response', 'The answer has no embeddings')
}

function isEmbedding(item: unknown): boolean {
  if (!isJsonObject(item)) return false
  return typeof item.embedding === 'string' ? item.embedding !== '' : isVector(item.embedding)
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && typeof value[0] === 'number'
}
