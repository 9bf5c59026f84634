import { createRequire } from 'node:module'
import type { TokenCounter } from '../core/token-counter.ts'

/**
 * Token counts by OpenAI's `o200k_base` vocabulary. Exact for OpenAI's text, an estimate for everybody else:
 * `estimateMargin` says how far to go above it where the count has to be enough.
 */

/**
 * Around each message, in every named field, and before the answer; OpenAI's cookbook, "How to count tokens with
 * tiktoken", gives these for chat models.
 */
const tokensPerMessage = 3
const tokensPerName = 1
const tokensBeforeAnswer = 3
/** A picture at `high` detail costs OpenAI's models 765 to 1,445 tokens for common sizes; what it holds is not looked at. */
const tokensPerImage = 1_500
/** A picture at `low` detail. */
const tokensPerSmallImage = 85
/** Sound and files: base64 text says nothing about tokens, so a generous share of its bytes stands in. */
const bytesPerMediaToken = 24

/**
 * The tokenizer's work on a run without a break, of letters or of blanks, grows with its square: 400,000 blanks took it
 * more than a minute. Longer runs are cut, which adds a token per cut at most.
 */
const longWordPattern = /\S{64}(?=\S)/g
const longBlankPattern = /\s{64}(?=\s)/g
/** Texts above this are counted by samples: a count of megabytes would hold up the process for a second. */
const sampledAbove = 200_000
const samples = 12
const sampleLength = 16_000
/** What a sample may miss. */
const sampleMargin = 1.1

interface Vocabulary {
  countTokens(text: string, options: { allowedSpecial: Set<string>; disallowedSpecial: Set<string> }): number
}

/** Words such as `<|endoftext|>` in a prompt are text like any other. */
const asText = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() }

let vocabulary: Vocabulary | undefined

/** Loads the vocabulary, about 100 ms, unless that was done; a process that counts does so before it serves. */
export function warmTokenCounter(): void {
  vocabulary ??= createRequire(import.meta.url)('gpt-tokenizer/encoding/o200k_base') as Vocabulary
}

/** Counts by OpenAI's newest public vocabulary. */
export function createTokenCounter(): TokenCounter {
  return { countPrompt: countPromptTokens, countAnswer: countAnswerTokens }
}

/**
 * How many times the count an upper estimate is. OpenAI's models are counted with their own vocabulary. Others have
 * vocabularies of their own, mostly of a like size; a quarter more is a judgement, not a measurement. Of an upstream
 * that nobody here knows, such as an old model with a small vocabulary, half more.
 */
export function estimateMargin(provider: string): number {
  if (provider === 'openai' || provider === 'azure') return 1
  return wellKnown.has(provider) ? 1.25 : 1.5
}

const wellKnown: ReadonlySet<string> = new Set([
  'anthropic',
  'bedrock',
  'cerebras',
  'fireworks',
  'gemini',
  'groq',
  'nvidia',
  'perplexity',
  'mistral',
  'deepseek',
  'xai',
  'together',
  'openrouter',
])

/** Tokens of a text; 1 MB of anything takes less than a second. */
export function countTextTokens(text: string): number {
  if (text.length <= sampledAbove) return countAll(text)
  // Evenly spread samples stand for the whole; the first and the last part are among them.
  const step = (text.length - sampleLength) / (samples - 1)
  let counted = 0
  for (let index = 0; index < samples; index++) {
    const start = Math.floor(index * step)
    counted += countAll(text.slice(start, start + sampleLength))
  }
  return Math.ceil((counted / (samples * sampleLength)) * text.length * sampleMargin)
}

function countAll(text: string): number {
  warmTokenCounter()
  if (text === '' || !vocabulary) return 0
  const piecewise = text.replace(longWordPattern, '$& ').replace(longBlankPattern, '$&.')
  return vocabulary.countTokens(piecewise, asText)
}

/**
 * Input tokens of a chat-completions body, as OpenAI counts messages, tools and the form of the answer; of an embeddings
 * body those of its texts, which have nothing around them.
 */
function countPromptTokens(bodyJson: string): number {
  const body: unknown = JSON.parse(bodyJson)
  if (!isObject(body)) return 0
  if (body.input !== undefined && body.messages === undefined) return countInput(body.input)
  const texts: string[] = []
  let tokens = tokensBeforeAnswer
  for (const message of asArray(body.messages)) tokens += countMessage(message, texts)
  for (const name of ['tools', 'functions', 'response_format']) {
    if (body[name] !== undefined && body[name] !== null) texts.push(JSON.stringify(body[name]))
  }
  return tokens + countTextTokens(texts.join('\n'))
}

/** Output tokens of a `chat.completion` body: contents, refusals, reasoning and calls of every choice. */
function countAnswerTokens(bodyJson: string): number {
  const body: unknown = JSON.parse(bodyJson)
  const texts: string[] = []
  for (const choice of asArray(isObject(body) ? body.choices : null)) {
    const message = isObject(choice) ? choice.message : null
    if (isObject(message)) collectTexts(message, texts)
  }
  return texts.length === 0 ? 0 : countTextTokens(texts.join('\n'))
}

/** A text, texts, or tokens that somebody else has counted by giving each its number. */
function countInput(input: unknown): number {
  if (typeof input === 'string') return countTextTokens(input)
  if (!Array.isArray(input)) return 0
  if (typeof input[0] === 'number') return input.length
  return input.reduce((tokens: number, item: unknown) => tokens + countInput(item), 0)
}

function countMessage(message: unknown, texts: string[]): number {
  if (!isObject(message)) return tokensPerMessage
  collectTexts(message, texts)
  let tokens = tokensPerMessage + 1 + (message.name === undefined ? 0 : tokensPerName)
  for (const part of asArray(message.content)) tokens += countMedia(part)
  return tokens
}

function collectTexts(message: Fields, texts: string[]): void {
  for (const name of ['content', 'name', 'refusal', 'reasoning_content', 'reasoning']) {
    const value = message[name]
    if (typeof value === 'string') texts.push(value)
  }
  for (const part of asArray(message.content)) {
    if (isObject(part) && typeof part.text === 'string') texts.push(part.text)
    if (isObject(part) && typeof part.refusal === 'string') texts.push(part.refusal)
  }
  if (Array.isArray(message.tool_calls)) texts.push(JSON.stringify(message.tool_calls))
  if (isObject(message.function_call)) texts.push(JSON.stringify(message.function_call))
}

function countMedia(part: unknown): number {
  if (!isObject(part)) return 0
  if (part.type === 'image_url') {
    const detail = isObject(part.image_url) ? part.image_url.detail : undefined
    return detail === 'low' ? tokensPerSmallImage : tokensPerImage
  }
  if (part.type === 'input_audio' || part.type === 'file') {
    return Math.ceil(JSON.stringify(part).length / bytesPerMediaToken)
  }
  return 0
}

type Fields = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
