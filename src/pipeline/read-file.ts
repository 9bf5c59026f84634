import { BlobMissingError, type BlobStore } from '../core/blob-store.ts'
import type { FileId, FileStore } from '../core/file.ts'

export interface FileDeps {
  readonly files: FileStore
  readonly blobs: BlobStore
}

/**
 * The content of a file from this byte on, as far as it goes now: of a file that a batch still writes, the lines so far.
 * @throws BlobMissingError where the file is removed meanwhile
 */
export async function* readFileContent(file: FileId, deps: FileDeps, fromByte = 0): AsyncGenerator<Buffer> {
  const parts = await deps.files.parts(file)
  let skip = fromByte
  for (const [index, part] of parts.entries()) {
    if (skip >= part.bytes) {
      skip -= part.bytes
      continue
    }
    yield* readPart({ file, index, part: part.name, from: skip, to: part.bytes }, deps)
    skip = 0
  }
}

interface PartRange {
  readonly file: FileId
  readonly index: number
  readonly part: string
  readonly from: number
  readonly to: number
}

/** A part that was replaced meanwhile is found in the one that took its place, which begins with the same content. */
async function* readPart(range: PartRange, deps: FileDeps): AsyncGenerator<Buffer> {
  const { file, index, to } = range
  let { part, from } = range
  while (from < to) {
    try {
      for await (const chunk of deps.blobs.read({ file, part }, from)) {
        const piece = chunk.subarray(0, to - from)
        from += piece.length
        yield piece
        if (from >= to) return
      }
      throw new Error('a part of a file is shorter than it should be')
    } catch (error) {
      if (!(error instanceof BlobMissingError)) throw error
      const now = (await deps.files.parts(file))[index]
      if (!now || now.name === part) throw error
      part = now.name
    }
  }
}
