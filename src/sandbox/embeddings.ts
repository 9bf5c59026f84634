/**
 * Embeddings without a model: a hashed bag of words. Each word falls by its hash onto one of the vector's places, with a
 * sign by another bit of it; the vector is then made as long as 1. Texts that share words are near each other, the same
 * text is always the same vector, and nothing is known about what words mean. The answer's `model` says what it is.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseJson } from './chat-request.ts'
import { bytesPerToken } from './token-estimate.ts'

const model = 'sandbox-hashed-words'
const usualDimensions = 256

const tokens = z.array(z.int().min(0)).min(1)
const text = z.string().min(1)

const embeddingsSchema = z.object({
  model: z.string().min(1),
  input: z.union([text, z.array(text).min(1), tokens, z.array(tokens).min(1)]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(4_096).nullish(),
})

export type EmbeddingsRequest = z.infer<typeof embeddingsSchema>

/** Null for a body that is not the endpoint's. */
export function parseEmbeddingsRequest(body: string): EmbeddingsRequest | null {
  return embeddingsSchema.safeParse(parseJson(body)).data ?? null
}

/** The JSON text of the answer. */
export function answerEmbeddings({ input, encoding_format, dimensions }: EmbeddingsRequest): string {
  const inputs = inputsOf(input)
  const data = inputs.map((words, index) => {
    const vector = embed(words, dimensions ?? usualDimensions)
    return { object: 'embedding', index, embedding: encoding_format === 'base64' ? toBase64(vector) : [...vector] }
  })
  const used = inputs.reduce((sum, words) => sum + estimateTokens(words), 0)
  return JSON.stringify({ object: 'list', data, model, usage: { prompt_tokens: used, total_tokens: used } })
}

type Words = string | readonly number[]

/** One text or list of tokens for each vector that is wanted. */
function inputsOf(input: EmbeddingsRequest['input']): readonly Words[] {
  if (typeof input === 'string') return [input]
  const [first] = input
  return typeof first === 'number' ? [input as number[]] : (input as string[] | number[][])
}

function embed(words: Words, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const word of splitWords(words)) {
    const hash = createHash('sha256').update(word).digest()
    const place = hash.readUInt32LE(0) % dimensions
    vector[place] = (vector[place] ?? 0) + ((hash[4] ?? 0) % 2 === 0 ? 1 : -1)
  }
  // Words can cancel each other out, and a text may have none; a vector of length 0 has no direction to compare.
  if (vector.every((value) => value === 0)) vector[0] = 1
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

function splitWords(words: Words): string[] {
  if (typeof words !== 'string') return words.map(String)
  return words.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
}

function estimateTokens(words: Words): number {
  return typeof words === 'string' ? Math.ceil(Buffer.byteLength(words) / bytesPerToken) : words.length
}

/** 32-bit floats, the lowest byte first, as OpenAI's endpoint writes them. */
function toBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}
