/**
 * Puts answers in OpenAI's dialect into the form that OpenAI describes: the fields that it requires and servers leave
 * out, null where it says null, no null where it has none, reasons to finish in its words. What OpenAI does not know
 * stays as the upstream wrote it, and an answer that is right already stays the very same text.
 * Field names and what is required: openai/openai-openapi 2.3.0.
 */
import { randomUUID } from 'node:crypto'
import { isJsonObject, type JsonObject } from '../core/json-object.ts'

/** What stands in a field instead of what an upstream wrote; undefined for nothing. `at` is the place in a list. */
type Rule = (written: unknown, at: number, object: JsonObject) => unknown
type Rules = readonly (readonly [name: string, rule: Rule])[]

/** A `chat.completion`. `model` is what it is called where the answer does not say. */
export function shapeCompletion(text: string, completion: JsonObject, model: string): string {
  return write(text, completion, rulesOf({ ...headRules(model), ...completionRules }))
}

/** Shapes the chunks of one stream, which have one head. */
export class ChunkShape {
  /** Places of calls, by their ids. */
  readonly #calls = new Map<string, number>()
  /** Choices that have had their first delta, and those that have it in the chunk at hand. */
  readonly #begun = new Set<unknown>()
  readonly #beginning = new Set<unknown>()
  readonly #rules: Rules

  constructor(model: string) {
    const pieces = each({ ...pieceRules, index: (index, _at, { id }) => index ?? this.#placeOf(id) })
    const delta = rulesOf({ ...deltaRules, tool_calls: (calls) => (isFilledList(calls) ? pieces(calls) : undefined) })
    const choices = each({
      ...chunkChoiceRules,
      delta: (written, at, choice) => this.#begin(apply(toObject(written), delta), choice.index ?? at),
    })
    const { id, created, model: name, ...head } = headRules(model)
    // Azure's first chunk has an empty head: what comes later is the answer's own.
    const unlessEmpty =
      (rule: Rule | undefined, empty: unknown): Rule =>
      (written, at, chunk) =>
        written === empty ? written : rule?.(written, at, chunk)
    const ofHead = { id: unlessEmpty(id, ''), created: unlessEmpty(created, 0), model: unlessEmpty(name, '') }
    this.#rules = rulesOf({ ...head, ...ofHead, ...chunkRules, choices })
  }

  shape(text: string, chunk: JsonObject): string {
    const shaped = write(text, chunk, this.#rules)
    // Only now: what is written anew goes through the rules twice.
    for (const index of this.#beginning) this.#begun.add(index)
    this.#beginning.clear()
    return shaped
  }

  /** OpenAI's client and LangChain's can't do without the role in the first delta of a choice. */
  #begin(delta: JsonObject, index: unknown): JsonObject {
    if (this.#begun.has(index)) return delta
    this.#beginning.add(index)
    return isGiven(delta.role) ? delta : { role: 'assistant', ...delta }
  }

  /** Where an upstream does not number its calls a new id begins a new one. */
  #placeOf(id: unknown): number {
    if (typeof id !== 'string' || id === '') return Math.max(0, this.#calls.size - 1)
    const place = this.#calls.get(id) ?? this.#calls.size
    this.#calls.set(id, place)
    return place
  }
}

/** A list of embeddings. OpenAI always counts its tokens: those of an upstream that does not are 0. */
export function shapeEmbeddings(text: string, list: JsonObject, model: string): string {
  const shaped = apply(list, rulesOf({ ...embeddingRules, model: filled(() => model) }))
  // Vectors are millions of numbers, and none of them is a long whole one.
  return shaped === list ? text : JSON.stringify(shaped)
}

/** Fields that answers and their chunks have alike. */
function headRules(model: string): Readonly<Record<string, Rule>> {
  let id: string | null = null
  let created: number | null = null
  const makeId = () => {
    id ??= `chatcmpl-${newSuffix()}`
    return id
  }
  const makeTime = () => {
    created ??= Math.floor(Date.now() / 1000)
    return created
  }
  return {
    id: filled(makeId),
    created: (written) => (typeof written === 'number' && written > 0 ? Math.floor(written) : makeTime()),
    model: filled(() => model),
    service_tier: (tier) => (tier === null || tiers.has(tier) ? tier : undefined),
    system_fingerprint: onlyText,
  }
}

const tiers: ReadonlySet<unknown> = new Set(['auto', 'default', 'flex', 'scale', 'priority', 'fast'])
const reasons: ReadonlySet<unknown> = new Set(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])
/**
 * What the context was too short for or a server gave up on is no whole answer, and must not look like one: Mistral's
 * `model_length`, DeepSeek's `insufficient_system_resource`, the `max_tokens` of others.
 */
const cutShort = /length|max_tokens|insufficient/i

function toReason(reason: unknown): unknown {
  if (reasons.has(reason)) return reason
  return typeof reason === 'string' && cutShort.test(reason) ? 'length' : 'stop'
}

const usageRules = rulesOf({
  prompt_tokens: integer(() => 0),
  completion_tokens: integer(() => 0),
  total_tokens: integer(({ prompt_tokens: prompt, completion_tokens: completion }) => sumOf(prompt, completion)),
  prompt_tokens_details: onlyObject,
  completion_tokens_details: onlyObject,
})

const callRules = {
  id: (id: unknown) => (typeof id === 'string' && id !== '' ? id : `call_${newSuffix()}`),
  type: (type: unknown) => type ?? 'function',
  function: (called: unknown) => (isJsonObject(called) ? apply(called, functionRules) : called),
}
const functionRules = rulesOf({
  arguments: (given) => (typeof given === 'string' ? given : JSON.stringify(given ?? {})),
})

const messageRules = rulesOf({
  role: () => 'assistant',
  content: orNull,
  refusal: orNull,
  tool_calls: (calls, at, message) => (isFilledList(calls) ? each(callRules)(calls, at, message) : undefined),
  function_call: onlyObject,
  annotations: onlyList,
})

/** Both lists are required, one of them null. Servers that know of no refusals have `content` alone. */
const logprobRules = rulesOf({ content: orNull, refusal: orNull })

const completionRules = {
  object: () => 'chat.completion',
  usage: (usage: unknown) => (isJsonObject(usage) ? apply(usage, usageRules) : undefined),
  choices: each({
    index: integer((_choice, at) => at),
    message: (message) => apply(toObject(message), messageRules),
    logprobs: (logprobs) => (isJsonObject(logprobs) ? apply(logprobs, logprobRules) : null),
    finish_reason: toReason,
  }),
}

const chunkRules = {
  object: () => 'chat.completion.chunk',
  // Groq may tell it in a field of its own.
  usage: (usage: unknown, _at: number, { x_groq: groq }: JsonObject) => {
    const told = usage ?? (isJsonObject(groq) ? groq.usage : undefined) ?? usage
    return isJsonObject(told) ? apply(told, usageRules) : told
  },
}
const chunkChoiceRules = {
  index: integer((_choice, at) => at),
  logprobs: (logprobs: unknown) => (isJsonObject(logprobs) ? apply(logprobs, logprobRules) : logprobs),
  finish_reason: (reason: unknown) => (isGiven(reason) ? toReason(reason) : null),
}
const deltaRules = { role: onlyText, function_call: onlyObject, annotations: onlyList }
const pieceRules = { id: onlyText, type: onlyText, function: onlyObject }

const embeddingUsageRules = rulesOf({
  prompt_tokens: integer(() => 0),
  total_tokens: integer(({ prompt_tokens: prompt }) => sumOf(prompt)),
})
const embeddingRules = {
  object: () => 'list',
  data: each({ object: () => 'embedding', index: integer((_item, at) => at) }),
  usage: (usage: unknown) => apply(toObject(usage), embeddingUsageRules),
}

/** Rules for every item of a list. */
function each(rules: Readonly<Record<string, Rule>>): (list: unknown, ..._: unknown[]) => unknown {
  const ofItem = rulesOf(rules)
  return (list) => {
    if (!Array.isArray(list)) return list
    const shaped = list.map((item, at) => (isJsonObject(item) ? apply(item, ofItem, at) : item))
    return shaped.some((item, at) => item !== list[at]) ? shaped : list
  }
}

/** The object with its fields as the rules have them: the same one where nothing changes. */
function apply(object: JsonObject, rules: Rules, at = 0): JsonObject {
  let shaped: Record<string, unknown> | null = null
  for (const [name, rule] of rules) {
    const before = Object.hasOwn(object, name) ? object[name] : undefined
    const after = rule(before, at, object)
    if (Object.is(before, after)) continue
    shaped ??= { ...object }
    if (after === undefined) delete shaped[name]
    else shaped[name] = after
  }
  return shaped ?? object
}

function rulesOf(rules: Readonly<Record<string, Rule>>): Rules {
  return Object.entries(rules)
}

function write(text: string, answer: JsonObject, rules: Rules): string {
  const shaped = apply(answer, rules)
  if (shaped === answer) return text
  return JSON.stringify(longNumber.test(text) ? apply(parseExactly(text), rules) : shaped)
}

const longNumber = /\d{16}/

/** Whole numbers that JavaScript can't hold keep their digits: some upstreams tell their seed so. */
function parseExactly(text: string): JsonObject {
  return exactJson.parse(text, (_name, value, { source }) =>
    Number.isInteger(value) && !Number.isSafeInteger(value) && source !== undefined ? exactJson.rawJSON(source) : value,
  )
}

/** Newer than the compiler's own description of it. */
const exactJson = JSON as unknown as {
  parse(text: string, revive: (name: string, value: unknown, context: { source?: string }) => unknown): JsonObject
  rawJSON(source: string): unknown
}

function filled(otherwise: () => string): Rule {
  return (text) => (typeof text === 'string' && text !== '' ? text : otherwise())
}

function integer(otherwise: (object: JsonObject, at: number) => number): Rule {
  return (number, at, object) => (Number.isSafeInteger(number) ? number : otherwise(object, at))
}

function sumOf(...numbers: readonly unknown[]): number {
  return numbers.reduce<number>((sum, number) => sum + (Number.isSafeInteger(number) ? Number(number) : 0), 0)
}

function toObject(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {}
}

function orNull(value: unknown): unknown {
  return value ?? null
}

function onlyText(value: unknown): unknown {
  return typeof value === 'string' ? value : undefined
}

function onlyObject(value: unknown): unknown {
  return isJsonObject(value) ? value : undefined
}

function onlyList(value: unknown): unknown {
  return Array.isArray(value) ? value : undefined
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function newSuffix(): string {
  return randomUUID().replaceAll('-', '')
}
