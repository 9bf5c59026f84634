import type { FileId } from './file.ts'

/** Where a piece of content lies: all blobs of a file go together. */
export interface BlobName {
  readonly file: FileId
  /** Letters, digits, `-` and `_`. */
  readonly part: string
}

/** Written from front to back; nobody can read it before it is closed. */
export interface BlobWriter {
  /** Bytes of content so far. */
  readonly bytes: number
  write(content: Uint8Array): Promise<void>
  /** Resolves when the blob is durable under its name. */
  close(): Promise<void>
  /** Leaves nothing behind. Harmless after `close`. */
  abort(): Promise<void>
}

/** Content that is too large for the store of jobs, sealed at rest. A blob never changes: it is written once, or removed. */
export interface BlobStore {
  create(name: BlobName): Promise<BlobWriter>
  /** From this byte of the content on. @throws BlobMissingError */
  read(name: BlobName, fromByte?: number): AsyncGenerator<Buffer>
  /** Removes one blob; one that is not there is none. */
  remove(name: BlobName): Promise<void>
  /** Removes all blobs of a file, those that were never closed included. */
  removeAll(file: FileId): Promise<void>
  /** Files that have blobs and had none written since `olderThanMs`. */
  untouched(olderThanMs: number): AsyncIterable<FileId>
}

export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError'

  constructor({ file, part }: BlobName, cause?: unknown) {
    super(`no blob ${part} of ${file}`, { cause })
  }
}
