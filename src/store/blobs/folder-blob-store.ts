import { type FileHandle, mkdir, open, opendir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BlobMissingError, type BlobName, type BlobStore, type BlobWriter } from '../../core/blob-store.ts'
import { type FileId, isFileId } from '../../core/file.ts'
import type { VaultKeys } from '../sealing.ts'
import { BlobFile, syncFolder } from './blob-file.ts'
import { contentPerChunk, headerBytes, openBlobKey, openChunk, sealedChunk, tagBytes } from './sealed-blob.ts'

/** Only the roles that hold the vault key can read them, and still they are nobody else's business. */
const folderMode = 0o700
/** How much is read from disk at once. */
const chunksPerRead = 4

/**
 * Blobs in a folder, sealed: `<folder>/<file id>/<part>`. Every process that writes or reads them needs the same folder,
 * on its own disk or on one that is shared.
 */
export class FolderBlobStore implements BlobStore {
  readonly #folder: string
  readonly #keys: VaultKeys

  constructor(folder: string, keys: VaultKeys) {
    this.#folder = folder
    this.#keys = keys
  }

  async create(name: BlobName): Promise<BlobWriter> {
    const folder = join(this.#folder, name.file)
    const made = await mkdir(folder, { recursive: true, mode: folderMode })
    if (made !== undefined) {
      // New folders must last as well, each in the one above it.
      await syncFolder(this.#folder)
      if (made !== folder) await syncFolder(dirname(this.#folder))
    }
    return BlobFile.create({ folder, part: name.part, sealedAs: contextOf(name), keys: this.#keys })
  }

  async *read(name: BlobName, fromByte = 0): AsyncGenerator<Buffer> {
    const file = await open(join(this.#folder, name.file, name.part), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new BlobMissingError(name, error)
      throw error
    })
    try {
      yield* this.#readOpen(file, name, fromByte)
    } finally {
      await file.close()
    }
  }

  async *#readOpen(file: FileHandle, name: BlobName, fromByte: number): AsyncGenerator<Buffer> {
    const { size } = await file.stat()
    const header = await readFully(file, { at: 0, bytes: headerBytes })
    const key = openBlobKey(contextOf(name), header, this.#keys)
    const last = Math.max(0, Math.ceil((size - headerBytes) / sealedChunk) - 1)
    let number = Math.floor(fromByte / contentPerChunk)
    let skipped = fromByte - number * contentPerChunk
    while (number <= last) {
      const at = headerBytes + number * sealedChunk
      const sealed = await readFully(file, { at, bytes: Math.min(chunksPerRead * sealedChunk, size - at) })
      for (let start = 0; start < sealed.length; start += sealedChunk, number += 1) {
        const content = openChunk(sealed.subarray(start, start + sealedChunk), { number, isLast: number === last }, key)
        if (content.length > skipped) yield content.subarray(skipped)
        skipped = 0
      }
    }
  }

  async remove({ file, part }: BlobName): Promise<void> {
    await rm(join(this.#folder, file, part), { force: true })
  }

  async removeAll(file: FileId): Promise<void> {
    await rm(join(this.#folder, file), { recursive: true, force: true })
  }

  async *untouched(olderThanMs: number): AsyncGenerator<FileId> {
    const folder = await opendir(this.#folder).catch(orMissing)
    if (!folder) return
    for await (const { name } of folder) {
      if (!isFileId(name)) continue
      const facts = await stat(join(this.#folder, name)).catch(orMissing)
      if (facts && facts.mtimeMs < olderThanMs) yield name
    }
  }
}

/** Ids and parts have no `/`, so no two blobs are called alike. */
function contextOf({ file, part }: BlobName): string {
  return `${file}/${part}`
}

async function readFully(file: FileHandle, { at, bytes }: { at: number; bytes: number }): Promise<Buffer> {
  if (bytes < tagBytes) throw new Error('a sealed blob was cut off')
  const buffer = Buffer.allocUnsafe(bytes)
  let read = 0
  while (read < bytes) {
    const { bytesRead } = await file.read(buffer, read, bytes - read, at + read)
    if (bytesRead === 0) throw new Error('a sealed blob was cut off')
    read += bytesRead
  }
  return buffer
}

function orMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
