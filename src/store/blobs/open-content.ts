import type { BlobName } from '../../core/blob-store.ts'
import type { VaultKeys } from '../sealing.ts'
import { contentPerChunk, headerBytes, openBlobKey, openChunk, sealedChunk, tagBytes } from './sealed-blob.ts'

/** Where the sealed bytes of one blob are. */
export interface SealedSource {
  /** So many bytes from `at` on, fewer only where the blob ends, and how long the whole blob is. */
  read(at: number, bytes: number): Promise<{ sealed: Buffer; size: number }>
}

/** Chunks that are read at once: few at first, as many readers want one line; more for those who stay. */
const chunksAtFirst = 4
const mostChunks = 16

/** The content of a blob from this byte on. Holds `mostChunks` in memory. @throws Error where it was damaged or cut off. */
export async function* openContent(
  source: SealedSource,
  { sealedAs, keys, fromByte }: { sealedAs: string; keys: VaultKeys; fromByte: number },
): AsyncGenerator<Buffer> {
  let chunks = chunksAtFirst
  let number = Math.floor(fromByte / contentPerChunk)
  let skipped = fromByte - number * contentPerChunk
  // The beginning comes with the header; from further on the header is read by itself.
  const first = await source.read(0, number < chunks ? headerBytes + chunks * sealedChunk : headerBytes)
  const key = openBlobKey(sealedAs, first.sealed.subarray(0, headerBytes), keys)
  const last = Math.max(0, Math.ceil((first.size - headerBytes) / sealedChunk) - 1)
  let held = first.sealed.subarray(headerBytes + number * sealedChunk)
  while (number <= last) {
    if (held.length === 0) {
      held = (await source.read(headerBytes + number * sealedChunk, chunks * sealedChunk)).sealed
      chunks = Math.min(2 * chunks, mostChunks)
      if (held.length === 0) throw cutOff()
    }
    for (let start = 0; start < held.length; start += sealedChunk, number += 1) {
      const sealed = held.subarray(start, start + sealedChunk)
      if (sealed.length < tagBytes) throw cutOff()
      const content = openChunk(sealed, { number, isLast: number === last }, key)
      if (content.length > skipped) yield content.subarray(skipped)
      skipped = 0
    }
    held = held.subarray(held.length)
  }
}

export function cutOff(): Error {
  return new Error('a sealed blob was cut off')
}

/** What a blob is sealed as. Ids and parts have no `/`, so no two blobs are called alike. */
export function contextOf({ file, part }: BlobName): string {
  return `${file}/${part}`
}
