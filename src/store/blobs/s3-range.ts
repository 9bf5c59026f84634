import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerError } from '../../core/errors.ts'
import { S3Failure } from './s3-failure.ts'

/** Asks for a range in the words of HTTP, and hands on which range it got, and the body. */
type Ask = (
  range: string,
  take: (shown: string | undefined, body: AsyncIterable<Buffer>) => Promise<void>,
) => Promise<void>

/** How often a body may break off, and how often in turn without a byte more. */
const mostBreaks = 20
const mostStalls = 4
const stallMs = 100

/**
 * So many bytes of an object from `at` on, fewer where it ends, and how long it is. A body that breaks off is asked for
 * from where it did. Bodies are read as fast as they come, so a slow reader of the content holds no connection.
 */
export async function readRange(
  { at, bytes }: { at: number; bytes: number },
  ask: Ask,
): Promise<{ sealed: Buffer; size: number }> {
  const target = new Target(at, bytes)
  for (let breaks = 0, stalls = 0; breaks < mostBreaks && stalls < mostStalls; breaks += 1) {
    const before = target.filled
    await ask(`bytes=${at + before}-${at + bytes - 1}`, (shown, body) => target.take(shown, body))
    if (target.isFull) return { sealed: target.buffer.subarray(0, target.filled), size: target.size }
    if (target.filled > before) stalls = 0
    else await sleep(stallMs * 2 ** stalls++)
  }
  const cause = new S3Failure('GetObject', { code: 'BrokenBody', status: null })
  throw new BrokerError('blob_store_unavailable', undefined, { cause })
}

class Target {
  readonly buffer: Buffer
  filled = 0
  size = Number.POSITIVE_INFINITY
  readonly #at: number

  constructor(at: number, bytes: number) {
    this.#at = at
    this.buffer = Buffer.allocUnsafe(bytes)
  }

  get isFull(): boolean {
    return this.filled >= Math.min(this.buffer.length, this.size - this.#at)
  }

  /** Resolves where the body ends, also where that is too early. */
  async take(shown: string | undefined, body: AsyncIterable<Buffer>): Promise<void> {
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(shown ?? '') ?? []
    if (Number(start) !== this.#at + this.filled) throw rangeIgnored()
    this.size = Number(size)
    try {
      for await (const piece of body) {
        if (this.filled + piece.length > this.buffer.length) throw rangeIgnored()
        this.buffer.set(piece, this.filled)
        this.filled += piece.length
      }
    } catch (error) {
      // A connection that breaks says nothing of the bucket: the rest is asked for again.
      if (error instanceof S3Failure) throw error
    }
  }
}

function rangeIgnored(): S3Failure {
  return new S3Failure('GetObject', { code: 'RangeIgnored', status: null })
}
