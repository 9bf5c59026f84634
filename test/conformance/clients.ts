import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { UsageMetadata } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, type LanguageModel, streamText } from 'ai'
import OpenAI from 'openai'

/** One call of a model as a user of an official client makes it. */
export interface ClientCall {
  readonly baseURL: string
  readonly apiKey: string
  readonly model: string
  readonly prompt: string
  /** None unless given, so that nothing that went wrong is hidden. */
  readonly maxRetries?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** What a client makes of an answer: what it showed until the end, and the error that its user gets. */
export interface Reading {
  readonly text: string
  readonly finish: string | null
  /** As the client counts them; null where it was not told. */
  readonly tokens: number | null
  readonly error: unknown
}

type Reader = (call: ClientCall) => Promise<Reading>
type Show = (text: string, finish?: string | null, tokens?: number | null) => void

/** Collects what is shown while `read` runs, up to its error. */
async function reading(read: (show: Show) => Promise<void>): Promise<Reading> {
  let text = ''
  let finish: string | null = null
  let tokens: number | null = null
  const show: Show = (more, reason, counted) => {
    text += more
    finish = reason ?? finish
    tokens = counted ?? tokens
  }
  const error = await read(show).then(
    () => null,
    (reason: unknown) => reason,
  )
  return { text, finish, tokens, error }
}

function openAi({ baseURL, apiKey, headers, maxRetries = 0 }: ClientCall): OpenAI {
  return new OpenAI({ baseURL, apiKey, maxRetries, logLevel: 'off', ...(headers && { defaultHeaders: headers }) })
}

/** Counts come with a stream where they are asked for. */
const stream_options = { include_usage: true }
const chatOf = ({ model, prompt }: ClientCall) => ({ model, messages: [{ role: 'user' as const, content: prompt }] })
const responseOf = ({ model, prompt }: ClientCall) => ({ model, input: prompt })

function langChain(
  { baseURL, apiKey, model, headers, maxRetries = 0 }: ClientCall,
  useResponsesApi: boolean,
): ChatOpenAI {
  const configuration = { baseURL, logLevel: 'off' as const, ...(headers && { defaultHeaders: headers }) }
  return new ChatOpenAI({ model, apiKey, maxRetries, configuration, useResponsesApi })
}

/** As the chat says it, or the response. */
const reasonOf = ({ finish_reason: reason, status }: Record<string, unknown>) =>
  [reason, status].find((each) => typeof each === 'string') ?? null

const tokensOf = (usage: UsageMetadata | undefined) => usage?.total_tokens ?? null

const streamLangChain =
  (useResponsesApi: boolean): Reader =>
  (call) =>
    reading(async (show) => {
      for await (const chunk of await langChain(call, useResponsesApi).stream(call.prompt)) {
        show(chunk.text, reasonOf(chunk.response_metadata), tokensOf(chunk.usage_metadata))
      }
    })

const waitForLangChain =
  (useResponsesApi: boolean): Reader =>
  (call) =>
    reading(async (show) => {
      const answer = await langChain(call, useResponsesApi).invoke(call.prompt)
      show(answer.text, reasonOf(answer.response_metadata), tokensOf(answer.usage_metadata))
    })

type ModelOf = (call: ClientCall) => LanguageModel

const compatibleModel: ModelOf = ({ baseURL, apiKey, model, headers = {} }) =>
  createOpenAICompatible({ name: 'sluice', baseURL, apiKey, headers, includeUsage: true }).chatModel(model)
const vercelChat: ModelOf = ({ baseURL, apiKey, model, headers = {} }) =>
  createOpenAI({ baseURL, apiKey, headers }).chat(model)
const vercelResponses: ModelOf = ({ baseURL, apiKey, model, headers = {} }) =>
  createOpenAI({ baseURL, apiKey, headers }).responses(model)

const streamVercel =
  (modelOf: ModelOf): Reader =>
  (call) =>
    reading(async (show) => {
      const { prompt, maxRetries = 0 } = call
      for await (const part of streamText({ model: modelOf(call), prompt, maxRetries, onError: () => {} }).stream) {
        if (part.type === 'text-delta') show(part.text)
        if (part.type === 'finish') show('', part.finishReason, part.totalUsage.totalTokens)
        if (part.type === 'error') throw part.error
      }
    })

const waitForVercel =
  (modelOf: ModelOf): Reader =>
  (call) =>
    reading(async (show) => {
      const { prompt, maxRetries = 0 } = call
      const { text, finishReason, usage } = await generateText({ model: modelOf(call), prompt, maxRetries })
      show(text, finishReason, usage.totalTokens)
    })

/** Each official client, reading a chat as it streams. */
export const chatStreamReaders = {
  openai: (call) =>
    reading(async (show) => {
      const body = { ...chatOf(call), stream: true as const, stream_options }
      for await (const { choices, usage } of await openAi(call).chat.completions.create(body)) {
        // What some servers send has no choices, whatever the type says.
        const choice = choices?.[0]
        show(choice?.delta.content ?? '', choice?.finish_reason, usage?.total_tokens)
      }
    }),
  'openai .stream()': (call) =>
    reading(async (show) => {
      const stream = openAi(call).chat.completions.stream({ ...chatOf(call), stream_options })
      stream.on('content', (delta) => show(delta))
      const { choices, usage } = await stream.finalChatCompletion()
      show('', choices[0]?.finish_reason, usage?.total_tokens)
    }),
  'ai, openai-compatible': streamVercel(compatibleModel),
  'ai, openai': streamVercel(vercelChat),
  langchain: streamLangChain(false),
} satisfies Record<string, Reader>

/** Each official client, waiting for a chat in one piece. */
export const chatWaiters = {
  openai: (call) =>
    reading(async (show) => {
      const { choices, usage } = await openAi(call).chat.completions.create(chatOf(call))
      show(choices[0]?.message.content ?? '', choices[0]?.finish_reason, usage?.total_tokens)
    }),
  'ai, openai-compatible': waitForVercel(compatibleModel),
  'ai, openai': waitForVercel(vercelChat),
  langchain: waitForLangChain(false),
} satisfies Record<string, Reader>

/** Each official client, reading a response as it streams. */
export const responseStreamReaders = {
  openai: (call) =>
    reading(async (show) => {
      for await (const event of await openAi(call).responses.create({ ...responseOf(call), stream: true })) {
        if (event.type === 'response.output_text.delta') show(event.delta)
        if ('response' in event) show('', event.response.status, event.response.usage?.total_tokens)
      }
    }),
  'openai .stream()': (call) =>
    reading(async (show) => {
      const stream = openAi(call).responses.stream(responseOf(call))
      stream.on('response.output_text.delta', ({ delta }) => show(delta))
      const { status, usage } = await stream.finalResponse()
      show('', status, usage?.total_tokens)
    }),
  'ai, openai': streamVercel(vercelResponses),
  langchain: streamLangChain(true),
} satisfies Record<string, Reader>

/** Each official client, waiting for a response in one piece. */
export const responseWaiters = {
  openai: (call) =>
    reading(async (show) => {
      const { output_text, status, usage } = await openAi(call).responses.create(responseOf(call))
      show(output_text, status, usage?.total_tokens)
    }),
  'ai, openai': waitForVercel(vercelResponses),
  langchain: waitForLangChain(true),
} satisfies Record<string, Reader>

/** What each of these clients makes of the same call, all of them at once. */
export async function readByAll<Client extends string>(
  readers: Readonly<Record<Client, Reader>>,
  call: ClientCall,
): Promise<Record<Client, Reading>> {
  const entries = Object.entries<Reader>(readers).map(async ([client, read]) => [client, await read(call)] as const)
  return Object.fromEntries(await Promise.all(entries)) as Record<Client, Reading>
}

/** The HTTP status of an error, which each client keeps elsewhere. */
export function statusOf(error: unknown): number | null {
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown }
  return [status, statusCode].find((each) => typeof each === 'number') ?? null
}
