import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { Completion, Provider, ProviderCall } from '../../core/provider.ts'
import { createHttpClient } from '../http-client.ts'
import type { UpstreamOptions } from '../upstream-options.ts'
import { ChunkWriter, toCompletion } from './answer.ts'
import { translateCall } from './call-options.ts'
import type { ModelDialect } from './dialect.ts'
import { embedTexts } from './embeddings.ts'
import { type Upstream, UpstreamCall } from './upstream-call.ts'

export interface LanguageModelOptions extends UpstreamOptions {
  /** Sent where a request names no limit. */
  readonly maxOutputTokens?: number
}

/** The provider behind an API that the AI SDK translates, and whose wire format `dialect` knows. */
export function createLanguageModelProvider(options: LanguageModelOptions, dialect: ModelDialect): Provider {
  const http = createHttpClient(options)
  const upstream: Upstream = { http, options, dialect }
  const { model, maxOutputTokens } = options

  async function complete(call: ProviderCall): Promise<Completion> {
    const { options: callOptions, logprobs } = await translateCall(call.bodyJson, dialect, maxOutputTokens)
    const upstreamCall = new UpstreamCall(upstream, call, logprobs)
    try {
      const result = await dialect.createModel(upstreamCall.fetchAnswer, false).doGenerate(callOptions)
      return toCompletion(result, dialect, model, upstreamCall.takeLogprobs())
    } catch (error) {
      throw upstreamCall.toFailure(error)
    }
  }

  async function* stream(call: ProviderCall): AsyncGenerator<readonly string[], void, undefined> {
    const { options: callOptions, logprobs } = await translateCall(call.bodyJson, dialect, maxOutputTokens)
    const upstreamCall = new UpstreamCall(upstream, call, logprobs)
    const writer = new ChunkWriter(dialect, model)
    const parts = await openStream(callOptions, upstreamCall)
    try {
      for await (const together of readTogether(parts)) {
        const { chunks, failure } = writeParts(together, writer, upstreamCall)
        if (chunks.length > 0) yield chunks
        if (failure !== null) throw failure
      }
    } catch (error) {
      throw upstreamCall.toFailure(error)
    }
    if (upstreamCall.failure !== null) throw upstreamCall.failure
  }

  async function openStream(callOptions: LanguageModelV4CallOptions, upstreamCall: UpstreamCall) {
    try {
      return (await dialect.createModel(upstreamCall.fetchStream, false).doStream(callOptions)).stream
    } catch (error) {
      upstreamCall.hangUp()
      throw upstreamCall.toFailure(error)
    }
  }

  async function embed(call: ProviderCall): Promise<Completion> {
    return embedTexts(upstream, call)
  }

  return { complete, stream, embed, close: () => http.close() }
}

/** The chunks of some parts up to the first that fails, whose failure is thrown once they are out. */
function writeParts(parts: readonly LanguageModelV4StreamPart[], writer: ChunkWriter, call: UpstreamCall) {
  const chunks = writer.takeLogprobs(call.takeLogprobs())
  for (const part of parts) {
    // The library says `finish` at the end of any body; only the wire tells whether the answer was whole.
    if (part.type === 'finish' && call.failure !== null) break
    if (part.type === 'error') return { chunks, failure: call.toFailure(part.error) }
    try {
      chunks.push(...writer.take(part))
    } catch (error) {
      return { chunks, failure: call.toFailure(error) }
    }
  }
  return { chunks, failure: null }
}

/** The values of a stream, those that arrived together in one list. Leaving the loop early cancels the stream. */
async function* readTogether<T>(stream: ReadableStream<T>): AsyncGenerator<T[], void, undefined> {
  const reader = stream.getReader()
  let next = reader.read()
  try {
    while (true) {
      const first = await next
      if (first.done) return
      const values = [first.value]
      next = reader.read()
      // All that is here already comes through before the event loop turns.
      const turn = new Promise<null>((resolve) => setImmediate(resolve, null))
      let more = await Promise.race([next, turn])
      while (more !== null && !more.done) {
        values.push(more.value)
        next = reader.read()
        more = await Promise.race([next, turn])
      }
      yield values
    }
  } finally {
    next.catch(() => {})
    await reader.cancel().catch(() => {})
  }
}
