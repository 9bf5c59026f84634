/** Gemini's `responseLogprobs` and `logprobsResult`: ai.google.dev/api/generate-content. */
import { isJsonObject, type JsonObject } from '../core/json-object.ts'
import type { TokenLogprob } from './language-models/dialect.ts'
import { objectIn } from './language-models/failures.ts'

export function askLogprobs(body: JsonObject, others: number): JsonObject {
  const asked = { responseLogprobs: true, ...(others > 0 && { logprobs: others }) }
  return { ...body, generationConfig: { ...objectIn(body, 'generationConfig'), ...asked } }
}

/** The chosen tokens of one answer or of one event of it, each with those that were likely in its place. */
export function readLogprobs(value: JsonObject): readonly TokenLogprob[] {
  const [candidate] = objectsIn(value.candidates)
  const { chosenCandidates, topCandidates } = objectIn(candidate ?? null, 'logprobsResult')
  const others = objectsIn(topCandidates)
  return objectsIn(chosenCandidates).map((chosen, index) => ({
    ...toLogprob(chosen),
    top_logprobs: objectsIn(others[index]?.candidates).map(toLogprob),
  }))
}

function toLogprob({ token, logProbability }: JsonObject): TokenLogprob {
  const text = typeof token === 'string' ? token : ''
  return {
    token: text,
    logprob: typeof logProbability === 'number' ? logProbability : 0,
    bytes: [...Buffer.from(text)],
  }
}

function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}
