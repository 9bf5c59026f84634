import { BrokerError } from './errors.ts'
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
  /** Leaves nothing behind, or where the store is away what `removeDrafts` and `untouched` find. Harmless after `close`. */
  abort(): Promise<void>
}

/**
 * Content that is too large for the store of jobs, sealed at rest. A blob never changes: it is written once, or removed.
 * Methods reject with `BrokerError('blob_store_unavailable')` where the store is away or does not let us in.
 */
export interface BlobStore {
  create(name: BlobName): Promise<BlobWriter>
  /** From this byte of the content on. @throws BlobMissingError */
  read(name: BlobName, fromByte?: number): AsyncGenerator<Buffer>
  /** Removes one blob; one that is not there is none. */
  remove(name: BlobName): Promise<void>
  /** Removes all blobs of a file, those that were never closed included. */
  removeAll(file: FileId): Promise<void>
  /** Removes what was begun before `olderThanMs` and never closed; other blobs of the same files stay. */
  removeDrafts(olderThanMs: number): Promise<void>
  /** Files that have blobs and had none written since `olderThanMs`. */
  untouched(olderThanMs: number): AsyncIterable<FileId>
}

/** For removing what nobody can see: where the store is away, it stays until `removeOrphans` finds it. */
export function ignoreAway(error: unknown): void {
  if (!isAway(error)) throw error
}

export function isAway(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'blob_store_unavailable'
}

export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError'

  constructor({ file, part }: BlobName, cause?: unknown) {
    super(`no blob ${part} of ${file}`, { cause })
  }
}
