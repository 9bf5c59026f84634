/**
 * Upstreams that speak OpenAI's chat-completions dialect. Request and answer pass through as text: what neither OpenAI
 * nor Sluice knows reaches the upstream, and the caller, as it was written.
 */
import { readTokenUsage } from '../core/chat-assembler.ts'
import { type Completion, type Provider, type ProviderCall, ProviderError } from '../core/provider.ts'
import { readChatStream, readCompletion } from './chat-event-stream.ts'
import { createHttpClient, type HttpAnswer, maxAnswerBytes } from './http-client.ts'
import { createHeaderMaker, type UpstreamOptions } from './upstream-options.ts'
import { readRefusal } from './upstream-refusal.ts'

export function createOpenAiCompatibleProvider(options: UpstreamOptions): Provider {
  const http = createHttpClient(options)
  const makeHeaders = createHeaderMaker(options)
  const waitingHead = `{"model":${JSON.stringify(options.model)}`
  const streamHead = `${waitingHead},"stream":true`
  const usageStreamHead = `${streamHead},"stream_options":{"include_usage":true}`
  let takesStreamOptions = true

  async function post(head: string, accept: string, call: ProviderCall): Promise<HttpAnswer> {
    const { signal } = call
    const body = joinBody(head, call.bodyJson)
    return http.post({ path: '/chat/completions', headers: makeHeaders(call, accept), body, signal })
  }

  async function complete(call: ProviderCall): Promise<Completion> {
    const answer = await post(waitingHead, 'application/json', call)
    if (!answer.isSuccess) throw (await readRefusal(answer)).error
    const bodyJson = await answer.readText(maxAnswerBytes)
    return { bodyJson, usage: readTokenUsage(readCompletion(bodyJson).usage) }
  }

  /**
   * Some upstreams refuse `stream_options`. That is no failure of the job's: such a call is made again without it,
   * once, and if that helps, later calls leave it out from the start and go without `usage`.
   */
  async function openStream(call: ProviderCall): Promise<HttpAnswer> {
    const head = takesStreamOptions ? usageStreamHead : streamHead
    const answer = await post(head, 'text/event-stream', call)
    if (answer.isSuccess) return answer
    const { error, bodyText } = await readRefusal(answer)
    const isAboutStreamOptions = head === usageStreamHead && /stream_options|include_usage/.test(bodyText)
    if (error.failure !== 'invalid_request' || !isAboutStreamOptions) throw error

    const second = await post(streamHead, 'text/event-stream', call)
    if (!second.isSuccess) throw (await readRefusal(second)).error
    takesStreamOptions = false
    return second
  }

  function stream(call: ProviderCall): AsyncIterable<readonly string[]> {
    return readChatStream(() => openStream(call))
  }

  return { complete, stream, close: () => http.close() }
}

/** Puts fields in front of those of a JSON object, as text. `head` is an object's text without its closing brace. */
function joinBody(head: string, bodyJson: string): string {
  const start = bodyJson.indexOf('{')
  if (start === -1) throw new ProviderError('invalid_request', 'The body is not a JSON object')
  const rest = bodyJson.slice(start + 1)
  return rest.trimStart().startsWith('}') ? `${head}}` : `${head},${rest}`
}
