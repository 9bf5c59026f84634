import type { Capability } from './capabilities.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from './json-object.ts'
import type { PromptSize, RequestWish } from './route-facts.ts'
import type { TokenCounter } from './token-counter.ts'
import type { Endpoint } from './vocabulary.ts'

/**
 * What a request needs of an upstream, by its body: everything that an upstream without it would drop or refuse. Fields
 * that mean the usual (`n: 1`, `tool_choice: "auto"`, `reasoning_effort: "none"`) need nothing.
 */
export function readWish(endpoint: Endpoint, bodyJson: string, isStream: boolean): RequestWish {
  const body = parseJsonObject(bodyJson) ?? {}
  if (endpoint === '/v1/embeddings') return { needs: new Set(['embeddings']), choices: 1, outputTokens: 0 }
  const needs = new Set<Capability>(['chat'])
  if (isStream) needs.add('streaming')
  addToolNeeds(body, needs)
  addMessageNeeds(body, needs)
  const format = isJsonObject(body.response_format) ? body.response_format.type : undefined
  if (format === 'json_object' || format === 'json_schema') needs.add(format)
  if (body.logprobs === true || isCount(body.top_logprobs)) needs.add('logprobs')
  if (isCount(body.n) && body.n > 1) needs.add('n')
  if (isGiven(body.seed)) needs.add('seed')
  if (isGiven(body.reasoning_effort) && body.reasoning_effort !== 'none') needs.add('reasoning')
  if (isJsonObject(body.web_search_options)) needs.add('web_search')
  if (isJsonObject(body.audio) || asList(body.modalities).includes('audio')) needs.add('audio')

  // Of two limits nobody knows which one the upstream goes by.
  const limits = [body.max_completion_tokens, body.max_tokens].filter(isCount)
  return {
    needs,
    choices: isCount(body.n) ? body.n : 1,
    outputTokens: limits.length === 0 ? null : Math.max(...limits),
  }
}

function addToolNeeds(body: JsonObject, needs: Set<Capability>): void {
  if (asList(body.tools).length + asList(body.functions).length > 0) needs.add('tools')
  for (const choice of [body.tool_choice, body.function_call]) {
    if (isGiven(choice) && choice !== 'auto' && choice !== 'none') needs.add('tool_choice')
  }
}

const needByPart: Readonly<Record<string, Capability>> = {
  image_url: 'images',
  input_audio: 'audio',
  file: 'files',
}

function addMessageNeeds(body: JsonObject, needs: Set<Capability>): void {
  for (const message of asList(body.messages)) {
    if (!isJsonObject(message)) continue
    // A conversation that has used tools can't be told to an upstream without them.
    if (message.role === 'tool' || message.role === 'function' || asList(message.tool_calls).length > 0) {
      needs.add('tools')
    }
    for (const part of asList(message.content)) {
      const need = isJsonObject(part) && typeof part.type === 'string' ? needByPart[part.type] : undefined
      if (need) needs.add(need)
    }
  }
}

/** Bytes per token are one at least, in every vocabulary; a link to a picture is shorter than the picture's tokens. */
export function measurePrompt(bodyJson: string, hasMedia: () => boolean, counter: TokenCounter): PromptSize {
  let counted: number | null = null
  const count = () => {
    counted ??= counter.countPrompt(bodyJson)
    return counted
  }
  return {
    get atMost() {
      return counted ?? (hasMedia() ? count() : Buffer.byteLength(bodyJson))
    },
    count,
    get counted() {
      return counted
    },
  }
}

/** Whether a prompt holds what its bytes say nothing about. */
export function hasMedia({ needs }: RequestWish): boolean {
  return needs.has('images') || needs.has('audio') || needs.has('files')
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
