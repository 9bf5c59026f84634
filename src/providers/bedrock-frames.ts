/**
 * AWS event streams, as Bedrock streams in them: frames of a length, headers and a body, each with its checksums
 * (docs.aws.amazon.com, "Event stream encoding").
 */
import { isUtf8 } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { parseJsonObject } from '../core/json-object.ts'
import { ProviderError } from '../core/provider.ts'
import type { HttpAnswer } from './http-client.ts'
import type { StreamEvent } from './language-models/dialect.ts'

/** Two lengths and their checksum. */
const preludeBytes = 12

const largestFrameBytes = 16 * 1024 * 1024

const codec = new EventStreamCodec(toUtf8, fromUtf8)

/**
 * The events, by their type: `{contentBlockDelta: {…}}`, `{throttlingException: {…}}`. Throws `invalid_response` for what
 * is no frame, after all that came before it. A body that ends inside a frame ends; whether it was whole is told before.
 */
export async function* readBedrockEvents(answer: HttpAnswer): AsyncGenerator<StreamEvent, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of answer.bytes()) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    // No frame is so long that its length begins with another byte.
    if (rest.length > 0 && rest[0] !== 0) throw notAFrame()
    for (let frame = takeFrame(rest); frame !== null; frame = takeFrame(rest)) {
      rest = rest.subarray(frame.length)
      const event = readFrame(frame)
      if (event !== null) yield event
    }
  }
}

/** The frame at the start, or null if it is not all there. */
function takeFrame(bytes: Buffer): Buffer | null {
  if (bytes.length < preludeBytes) return null
  const length = bytes.readUInt32BE(0)
  if (bytes.readUInt32BE(8) !== crc32(bytes.subarray(0, 8)) || length > largestFrameBytes || length < preludeBytes) {
    throw notAFrame()
  }
  return bytes.length < length ? null : bytes.subarray(0, length)
}

function readFrame(frame: Buffer): StreamEvent | null {
  const { headers, body } = decode(frame)
  const kind = headers[':message-type']?.value
  if (kind === 'error') throw new ProviderError('server_error', 'The upstream reported an error')
  const type = headers[kind === 'exception' ? ':exception-type' : ':event-type']?.value
  if (typeof type !== 'string') return null
  const value = isUtf8(body) ? parseJsonObject(Buffer.from(body).toString('utf8')) : null
  if (value === null) throw new ProviderError('invalid_response', 'An event is not a JSON object')
  return { bytes: frame, value: { [type]: value } }
}

function decode(frame: Buffer) {
  try {
    return codec.decode(frame)
  } catch {
    throw notAFrame()
  }
}

function notAFrame(): ProviderError {
  return new ProviderError('invalid_response', 'The answer is not an event stream')
}
