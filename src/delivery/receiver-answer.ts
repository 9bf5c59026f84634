import type { Readable } from 'node:stream'

/** What is kept of an answer's body. */
const keptBytes = 1024
/** Reading an answer to its end keeps the connection usable. Beyond either of these it is cheaper to open another one. */
const mostBytes = 64 * 1024
const mostMs = 2_000

/**
 * The first kilobyte of an answer's body as text, with replacement characters where it is none. Ends after 64 KiB or two
 * seconds and gives up the connection: a receiver that drips holds nobody up. Never rejects.
 */
export async function readBeginning(body: Readable): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  const giveUp = setTimeout(() => body.destroy(), mostMs)
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (bytes < keptBytes) pieces.push(piece.subarray(0, keptBytes - bytes))
      bytes += piece.length
      if (bytes > mostBytes) break
    }
  } catch {
    // It broke off, or took too long: what came is what there is.
  } finally {
    clearTimeout(giveUp)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** `Retry-After` in milliseconds from now, as seconds or as a date; null where it is neither. */
export function retryAfterOf(header: string | string[] | undefined, nowMs: number): number | null {
  const text = (Array.isArray(header) ? header[0] : header)?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000
  // Of all dates only the form that HTTP asks for: the parser would make one of "5" or "soon 1" as well.
  if (!/^[A-Z][a-z]{2}, .* GMT$/.test(text)) return null
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
