/**
 * Upstreams that speak OpenAI's chat-completions dialect. Request and answer pass through as text: what neither OpenAI
 * nor Sluice knows reaches the upstream, and the caller, as it was written. Where an upstream has another way to say the
 * same, its quirks say which.
 */
import { readTokenUsage } from '../core/chat-assembler.ts'
import { type Completion, type Provider, type ProviderCall, ProviderError } from '../core/provider.ts'
import { readChatStream, readCompletion } from './chat-event-stream.ts'
import { adaptChatBody } from './dialect-body.ts'
import { readEmbeddings } from './embeddings.ts'
import { createHttpClient, type HttpAnswer, maxAnswerBytes } from './http-client.ts'
import { createHeaderMaker, type UpstreamOptions } from './upstream-options.ts'
import { readRefusal } from './upstream-refusal.ts'

export function createOpenAiCompatibleProvider(options: UpstreamOptions): Provider {
  const http = createHttpClient(options)
  const makeHeaders = createHeaderMaker(options)
  const waitingHead = `{"model":${JSON.stringify(options.model)}`
  const streamHead = `${waitingHead},"stream":true`
  const usageStreamHead = `${streamHead},"stream_options":{"include_usage":true}`
  const quirks = options.quirks ?? {}
  const habits = { notFoundMeansFailed: quirks.notFoundMeansFailed === true }
  let takesStreamOptions = quirks.streamUsage === undefined

  async function post(head: string, accept: string, call: ProviderCall): Promise<HttpAnswer> {
    const { signal } = call
    const body = joinBody(head, adaptChatBody(call.bodyJson, quirks))
    return http.post({ path: '/chat/completions', headers: makeHeaders(call, accept), body, signal })
  }

  async function complete(call: ProviderCall): Promise<Completion> {
    const answer = await post(waitingHead, 'application/json', call)
    if (!answer.isSuccess) throw (await readRefusal(answer, habits)).error
    const { bodyJson, usage } = readCompletion(await answer.readText(maxAnswerBytes), options.model)
    return { bodyJson, usage: readTokenUsage(usage) }
  }

  /**
   * Some upstreams refuse `stream_options`. That is no failure of the job's: such a call is made again without it,
   * once, and if that helps, later calls leave it out from the start and go without `usage`.
   */
  async function openStream(call: ProviderCall): Promise<HttpAnswer> {
    const head = takesStreamOptions ? usageStreamHead : streamHead
    const answer = await post(head, 'text/event-stream', call)
    if (answer.isSuccess) return answer
    const { error, bodyText } = await readRefusal(answer, habits)
    const isRefused = answer.status < 500 && (error.failure === 'invalid_request' || error.failure === 'unsupported')
    if (!isRefused || head !== usageStreamHead || !/stream_options|include_usage/.test(bodyText)) throw error

    const second = await post(streamHead, 'text/event-stream', call)
    if (!second.isSuccess) throw (await readRefusal(second, habits)).error
    takesStreamOptions = false
    return second
  }

  function stream(call: ProviderCall): AsyncIterable<readonly string[]> {
    return readChatStream(() => openStream(call), options.model)
  }

  async function embed(call: ProviderCall): Promise<Completion> {
    if (quirks.hasNoEmbeddings) throw new ProviderError('unsupported', 'The upstream has no embeddings')
    const { signal } = call
    const body = joinBody(waitingHead, call.bodyJson)
    const answer = await http.post({
      path: '/embeddings',
      headers: makeHeaders(call, 'application/json'),
      body,
      signal,
    })
    if (!answer.isSuccess) throw (await readRefusal(answer, habits)).error
    return readEmbeddings(await answer.readText(maxAnswerBytes), call.bodyJson, options.model)
  }

  return { complete, stream, embed, close: () => http.close() }
}

/** Puts fields in front of those of a JSON object, as text. `head` is an object's text without its closing brace. */
function joinBody(head: string, bodyJson: string): string {
  const start = bodyJson.indexOf('{')
  if (start === -1) throw new ProviderError('invalid_request', 'The body is not a JSON object')
  const rest = bodyJson.slice(start + 1)
  return rest.trimStart().startsWith('}') ? `${head}}` : `${head},${rest}`
}
