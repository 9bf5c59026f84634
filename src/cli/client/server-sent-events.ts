import { createParser, type EventSourceMessage } from 'eventsource-parser'

export type ServerSentEvent = EventSourceMessage

/** A record of one event may be a whole answer, but not more than that. */
const maxRecordBytes = 64 * 1024 * 1024

/** The events of an SSE body, as they come. Comments are left out. Leaving the loop early closes the connection. */
export async function* readEvents(body: AsyncIterable<Buffer>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let events: ServerSentEvent[] = []
  const parser = createParser({
    maxBufferSize: maxRecordBytes,
    onEvent: (event) => {
      events.push(event)
    },
  })
  for await (const piece of body) {
    parser.feed(decoder.decode(piece, { stream: true }))
    const ready = events
    events = []
    yield* ready
  }
}
