import { createParser } from 'eventsource-parser'
import { parseJsonObject } from '../../core/json-object.ts'
import { ProviderError } from '../../core/provider.ts'
import { type HttpAnswer, maxAnswerBytes } from '../http-client.ts'
import type { StreamEvent } from './dialect.ts'

const encoder = new TextEncoder()

/**
 * The JSON objects of an event stream, each as one record again. Throws `invalid_response` for a record that is none and
 * for a body that is no event stream, after all that came before it.
 */
export async function* readServerSentEvents(answer: HttpAnswer): AsyncGenerator<StreamEvent, void, undefined> {
  let events: StreamEvent[] = []
  let failure: ProviderError | null = null
  let begun = false
  const parser = createParser({
    maxBufferSize: maxAnswerBytes,
    onEvent: ({ data }) => {
      if (failure !== null || data === '' || data === '[DONE]') return
      const value = parseJsonObject(data)
      // One line, whatever lines the data came in.
      if (value !== null) events.push({ bytes: encoder.encode(`data: ${data.replaceAll('\n', ' ')}\n\n`), value })
      else failure = new ProviderError('invalid_response', 'A record is not a JSON object')
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded')
        failure ??= new ProviderError('invalid_response', 'A record is too large')
    },
  })
  for await (const text of answer.texts()) {
    const first = begun ? undefined : text.trimStart().at(0)
    if (first !== undefined) {
      begun = true
      if (!':deir'.includes(first)) throw new ProviderError('invalid_response', 'The answer is not an event stream')
    }
    parser.feed(text)
    yield* events
    events = []
    if (failure !== null) throw failure
  }
}
