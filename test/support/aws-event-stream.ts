import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'

const codec = new EventStreamCodec(toUtf8, fromUtf8)

/** One frame of an AWS event stream as Bedrock sends it: an event of this type, padded as theirs are. */
export function eventFrame(type: string, payload: object): Buffer {
  return frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, payload)
}

/** The frame with which Bedrock ends a stream that failed. */
export function exceptionFrame(type: string, message: string): Buffer {
  const headers = { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' }
  return frame(headers, { message })
}

/** A frame whose body is whatever is said. */
export function rawFrame(headers: Readonly<Record<string, string>>, body: string): Buffer {
  const typed = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }]),
  )
  return Buffer.from(codec.encode({ headers: typed, body: fromUtf8(body) }))
}

function frame(headers: Readonly<Record<string, string>>, payload: object): Buffer {
  return rawFrame(headers, JSON.stringify(payload))
}
