import { z } from 'zod'
import { errorAnswer, type Usage, usageAnswer } from '../client/answers.ts'
import type { ApiClient } from '../client/api-client.ts'
import { ApiError } from '../client/failures.ts'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface Answer {
  readonly text: string
  readonly finishReason: string | null
  readonly usage: Usage | null
}

const chunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z.looseObject({ content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: usageAnswer.nullish(),
})

/**
 * Streams one answer; `onText` gets each piece as it comes. Throws `ApiError` also for an answer that breaks off, after
 * what came before was handed over.
 */
export async function streamAnswer(
  client: ApiClient,
  question: { model: string; messages: readonly Message[] },
  onText: (text: string) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  const body = { ...question, stream: true, stream_options: { include_usage: true } }
  let text = ''
  let finishReason: string | null = null
  let usage: Usage | null = null
  for await (const { data } of client.streamChat(body, signal)) {
    if (data === '[DONE]') return { text, finishReason, usage }
    const record = parseJson(data)
    const failure = errorAnswer.safeParse(record)
    if (failure.success) throw toApiError(failure.data.error)
    const parsed = chunk.safeParse(record)
    if (!parsed.success) continue
    const [choice] = parsed.data.choices
    const piece = choice?.delta?.content ?? ''
    if (piece !== '') onText(piece)
    text += piece
    finishReason = choice?.finish_reason ?? finishReason
    usage = parsed.data.usage ?? usage
  }
  throw toApiError({ code: 'stream_interrupted', message: 'The answer broke off.' })
}

/** The headers had said 200; what comes later has no status of its own. */
function toApiError({ code, message }: { code?: string | null | undefined; message: string }): ApiError {
  return new ApiError({ status: 200, code: code ?? 'unknown_error', message })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
