/**
 * Ollama by its own `/api/chat`. Its OpenAI-compatible endpoint silently ignores what it can't do; this one says so.
 */

import { parseJsonObject } from '../core/json-object.ts'
import { type Completion, type Provider, type ProviderCall, ProviderError } from '../core/provider.ts'
import { createHttpClient, type HttpAnswer, maxAnswerBytes } from './http-client.ts'
import { OllamaChunks, readOllamaPart, toCompletion } from './ollama-answer.ts'
import { toEmbeddings, toOllamaEmbedBody } from './ollama-embed.ts'
import { type OllamaOptions, refuseRemoteModel } from './ollama-options.ts'
import { toOllamaBody } from './ollama-request.ts'
import { createHeaderMaker } from './upstream-options.ts'
import { readRefusal } from './upstream-refusal.ts'

export function createOllamaProvider(options: OllamaOptions): Provider {
  const http = createHttpClient(options)
  const makeHeaders = createHeaderMaker(options)

  async function post(path: string, accept: string, body: string, call: ProviderCall): Promise<HttpAnswer> {
    refuseRemoteModel(options)
    const answer = await http.post({ path, headers: makeHeaders(call, accept), body, signal: call.signal })
    if (!answer.isSuccess) throw (await readRefusal(answer)).error
    return answer
  }

  async function complete(call: ProviderCall): Promise<Completion> {
    const answer = await post('/api/chat', 'application/json', toOllamaBody(call.bodyJson, options, false), call)
    return toCompletion(readOllamaPart(await answer.readText(maxAnswerBytes), options))
  }

  function stream(call: ProviderCall): AsyncIterable<readonly string[]> {
    const open = async () => post('/api/chat', 'application/x-ndjson', toOllamaBody(call.bodyJson, options, true), call)
    return readOllamaStream(open, options)
  }

  async function embed(call: ProviderCall): Promise<Completion> {
    const { body, format } = toOllamaEmbedBody(call.bodyJson, options)
    const answer = await post('/api/embed', 'application/json', body, call)
    return toEmbeddings(await answer.readText(maxAnswerBytes), format, options)
  }

  return { complete, stream, embed, close: () => http.close() }
}

async function* readOllamaStream(
  open: () => Promise<HttpAnswer>,
  options: OllamaOptions,
): AsyncGenerator<readonly string[], void, undefined> {
  const answer = await open()
  const lines = new OllamaLines(options)
  for await (const text of answer.texts()) {
    const chunks = lines.take(text)
    if (lines.isDone) answer.release()
    if (chunks.length > 0) yield chunks
    if (lines.failure !== null) throw lines.failure
    if (lines.isDone) return
  }
  const chunks = lines.finish()
  if (chunks.length > 0) yield chunks
}

/** Cuts the text of an answer into lines and turns each, which is one JSON object, into chunks. */
class OllamaLines {
  /** What was wrong with the line after the last good one. */
  failure: ProviderError | null = null
  readonly #options: OllamaOptions
  readonly #chunks = new OllamaChunks()
  #rest = ''
  #begun = false

  constructor(options: OllamaOptions) {
    this.#options = options
  }

  get isDone(): boolean {
    return this.#chunks.isDone
  }

  /** The chunks that `text` completes, up to a fault. */
  take(text: string): string[] {
    // Without a line's end there is nothing to split, and splitting would copy a long line once per piece of it.
    if (!text.includes('\n')) {
      this.#rest += text
      if (this.#rest.length > maxAnswerBytes)
        this.failure = new ProviderError('invalid_response', 'A line is too large')
      return []
    }
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    const chunks: string[] = []
    for (const line of lines) {
      if (this.isDone || this.failure !== null) break
      if (line.trim() !== '') this.#takeLine(line, chunks)
    }
    return chunks
  }

  /** The chunks of a last line that nothing ends. Throws `cut_stream` if that was not the end of the answer. */
  finish(): string[] {
    const chunks: string[] = []
    const isWholeLine = parseJsonObject(this.#rest) !== null
    if (isWholeLine || (!this.#begun && this.#rest !== '')) this.#takeLine(this.#rest, chunks)
    if (this.failure !== null) throw this.failure
    if (!this.isDone) throw new ProviderError('cut_stream', 'The stream ended before its last part')
    return chunks
  }

  #takeLine(line: string, chunks: string[]): void {
    this.#begun = true
    try {
      chunks.push(...this.#chunks.take(readOllamaPart(line, this.#options)))
    } catch (error) {
      // Thrown by the caller once the chunks before it are out.
      if (!(error instanceof ProviderError)) throw error
      this.failure = error
    }
  }
}
