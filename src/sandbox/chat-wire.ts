/** One answer in OpenAI's chat-completions wire format, waiting and as the records of an SSE stream. */
import { randomUUID } from 'node:crypto'
import type { Answer } from './answer.ts'
import type { ChatRequest } from './chat-request.ts'
import { type EstimatedUsage, estimateUsage } from './token-estimate.ts'

/** Word pieces as tokenizers cut them, so that a placeholder such as `<EMAIL_1>` arrives in several. */
const pieces = / ?[A-Za-z]{1,6}|\d{1,3}|\s+|[^\sA-Za-z\d]/gu

/** The body of a waiting call. */
export function formatCompletion(chat: ChatRequest, answer: Answer): string {
  return JSON.stringify({
    ...createHead('chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage: estimateUsage(chat.promptBytes, answer.text),
  })
}

/** The SSE records of a stream, in order: role, pieces, finish reason, usage if it was asked for, `[DONE]`. */
export function* formatStream(chat: ChatRequest, answer: Answer): Generator<string> {
  const head = createHead('chat.completion.chunk')
  // With include_usage every chunk has the key, null until the last.
  const usage = chat.includeUsage ? { usage: null } : {}
  const record = (delta: object, finishReason: string | null) =>
    toRecord({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }], ...usage })

  yield record({ role: 'assistant', content: '', refusal: null }, null)
  for (const [content] of answer.text.matchAll(pieces)) yield record({ content }, null)
  yield record({}, answer.finishReason)
  if (chat.includeUsage) {
    const counted: EstimatedUsage = estimateUsage(chat.promptBytes, answer.text)
    yield toRecord({ ...head, choices: [], usage: counted })
  }
  yield 'data: [DONE]\n\n'
}

function createHead(object: string) {
  return {
    id: `chatcmpl-${randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: 'sandbox',
    system_fingerprint: 'sluice-sandbox',
  }
}

function toRecord(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}
