/**
 * Reads the answer to a streaming call in OpenAI's dialect: SSE with a chunk in every record.
 *
 * Lenient where upstreams differ without harm (comments, CRLF, named events without a chunk, no `[DONE]`), strict about
 * the one thing that can't be seen later: the end. An answer counts as whole when every choice that was begun has had
 * its `finish_reason` and the body ended as HTTP wants it to.
 *
 * An upstream that ignores `stream` and sends a whole completion is taken at its word: the completion, which is paid
 * for, becomes the chunks that it would have been.
 */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { splitCompletion } from '../core/completion-chunks.ts'
import { isJsonObject, parseJsonObject } from '../core/json-object.ts'
import { ProviderError } from '../core/provider.ts'
import { ChunkShape, shapeCompletion } from './answer-shape.ts'
import { type HttpAnswer, maxAnswerBytes } from './http-client.ts'
import { reportedError } from './upstream-refusal.ts'

/**
 * Opens the answer and yields the JSON texts of the chunks that arrived together. Throws `ProviderError` unless the
 * answer was whole, after everything that came before the fault was yielded. `model` is what it is called where the
 * chunks do not say.
 */
export async function* readChatStream(
  open: () => Promise<HttpAnswer>,
  model: string,
): AsyncGenerator<readonly string[], void, undefined> {
  const answer = await open()
  refuseHtml(answer)
  const records = new ChatRecords(new ChunkShape(model))
  let document: string | null = null
  let begun = false
  for await (const text of answer.texts()) {
    if (!begun) {
      const first = text.trimStart().at(0)
      if (first === undefined) continue
      begun = true
      if (first === '{') document = ''
      else records.judgeStart(first)
    }
    if (document !== null) {
      document += text
      if (document.length > maxAnswerBytes) throw notTheDialect('The answer is too large')
      continue
    }
    const chunks = records.take(text)
    if (records.isDone) answer.release()
    if (chunks.length > 0) yield chunks
    if (records.failure !== null) throw records.failure
    if (records.isDone) break
  }
  if (document !== null) yield splitCompletion(JSON.parse(readCompletion(document, model).bodyJson))
  else records.assertWhole()
}

/**
 * The completion in the text of an answer, in OpenAI's form. Throws `invalid_response`, or `server_error` where it reports
 * an error.
 */
export function readCompletion(text: string, model: string): { bodyJson: string; usage: unknown } {
  const completion = parseJsonObject(text)
  if (completion === null) throw notTheDialect('The answer is not a JSON object')
  const { choices } = completion
  if (Array.isArray(choices) && choices.length > 0) {
    // OpenRouter: generating failed behind it, after status and headers had left.
    const failed = choices.find((choice) => isJsonObject(choice) && choice.finish_reason === 'error')
    if (failed !== undefined) throw reportedError(failed.error)
    return { bodyJson: shapeCompletion(text, completion, model), usage: completion.usage }
  }
  if (isGiven(completion.error)) throw reportedError(completion.error)
  throw notTheDialect('The answer has no choices')
}

/** Turns SSE text into chunks and remembers which choices have been begun and finished. */
class ChatRecords {
  isDone = false
  /** What was wrong with the record after the last good one. */
  failure: ProviderError | null = null
  readonly #shape: ChunkShape
  readonly #open = new Set<number>()
  readonly #finished = new Set<number>()
  #chunks: string[] = []
  #sawForeignLine = false

  readonly #parser = createParser({
    maxBufferSize: maxAnswerBytes,
    onEvent: (event) => {
      if (this.isDone || this.failure !== null) return
      if (event.data === '[DONE]') this.isDone = true
      else this.#takeRecord(event)
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') this.failure ??= notTheDialect('A record is too large')
      else this.#sawForeignLine = true
    },
  })

  constructor(shape: ChunkShape) {
    this.#shape = shape
  }

  /** The parser drops a line of no known field without a word if its end never comes. */
  judgeStart(first: string): void {
    if (!':deir'.includes(first)) this.#sawForeignLine = true
  }

  /** The chunks that `text` completes, up to a fault. */
  take(text: string): string[] {
    this.#chunks = []
    this.#parser.feed(text)
    return this.#chunks
  }

  /** Throws unless every choice that was begun has finished, and at least one was. */
  assertWhole(): void {
    if (this.#finished.size > 0 && this.#open.size === 0) return
    if (this.#sawForeignLine && this.#finished.size + this.#open.size === 0) {
      throw notTheDialect('The answer is not an event stream')
    }
    throw new ProviderError('cut_stream', 'The stream ended without a finish_reason')
  }

  /** Never throws: inside the parser's callback that would lose the chunks before this one. */
  #takeRecord({ data, event }: EventSourceMessage): void {
    if (data === '') return
    const chunk = parseJsonObject(data)
    if (chunk !== null && isGiven(chunk.error)) this.failure = reportedError(chunk.error)
    else if (event === 'error') this.failure = reportedError(chunk)
    else if (chunk !== null && Array.isArray(chunk.choices)) {
      for (const choice of chunk.choices) this.#noteChoice(choice)
      if (this.failure === null) this.#chunks.push(this.#shape.shape(data, chunk))
    } else if (event !== undefined && event !== 'message') {
      // A ping or other news of the upstream's own. Clients break on a record without choices, so it stays here.
    } else if (chunk !== null && isGiven(chunk.usage)) {
      const counted = { ...chunk, choices: [] }
      this.#chunks.push(this.#shape.shape(JSON.stringify(counted), counted))
    } else {
      this.failure = notTheDialect(chunk === null ? 'A record is not a JSON object' : 'A record has no choices')
    }
  }

  #noteChoice(choice: unknown): void {
    if (!isJsonObject(choice)) {
      this.failure = notTheDialect('A choice is not a JSON object')
      return
    }
    const index = typeof choice.index === 'number' ? choice.index : 0
    if (!isGiven(choice.finish_reason)) {
      if (!this.#finished.has(index)) this.#open.add(index)
    } else if (choice.finish_reason === 'error') {
      this.failure = reportedError(choice.error)
    } else {
      this.#open.delete(index)
      this.#finished.add(index)
    }
  }
}

function refuseHtml(answer: HttpAnswer): void {
  if (!String(answer.headers['content-type']).includes('html')) return
  answer.abandon()
  throw notTheDialect('The answer is HTML')
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function notTheDialect(message: string): ProviderError {
  return new ProviderError('invalid_response', message)
}
