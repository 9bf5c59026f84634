import { type FileHandle, mkdir, open, opendir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BlobMissingError, type BlobName, type BlobStore, type BlobWriter } from '../../core/blob-store.ts'
import { type FileId, isFileId } from '../../core/file.ts'
import { orMissing, syncFolder } from '../../disk/folders.ts'
import type { VaultKeys } from '../sealing.ts'
import { BlobFile, draftEnding } from './blob-file.ts'
import { contextOf, cutOff, openContent, type SealedSource } from './open-content.ts'

/** Only the roles that hold the vault key can read them, and still they are nobody else's business. */
const folderMode = 0o700

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
      yield* openContent(await sourceOf(file), { sealedAs: contextOf(name), keys: this.#keys, fromByte })
    } finally {
      await file.close()
    }
  }

  async remove({ file, part }: BlobName): Promise<void> {
    await rm(join(this.#folder, file, part), { force: true })
  }

  async removeAll(file: FileId): Promise<void> {
    await rm(join(this.#folder, file), { recursive: true, force: true })
  }

  async removeDrafts(olderThanMs: number): Promise<void> {
    for await (const file of this.#files()) {
      const names = await readdir(join(this.#folder, file)).catch(orMissing)
      for (const name of names ?? []) {
        if (!name.endsWith(draftEnding)) continue
        const path = join(this.#folder, file, name)
        const facts = await stat(path).catch(orMissing)
        if (facts && facts.mtimeMs < olderThanMs) await rm(path, { force: true })
      }
    }
  }

  async *untouched(olderThanMs: number): AsyncGenerator<FileId> {
    for await (const file of this.#files()) {
      const facts = await stat(join(this.#folder, file)).catch(orMissing)
      if (facts && facts.mtimeMs < olderThanMs) yield file
    }
  }

  async *#files(): AsyncGenerator<FileId> {
    const folder = await opendir(this.#folder).catch(orMissing)
    if (!folder) return
    for await (const { name } of folder) if (isFileId(name)) yield name
  }
}

async function sourceOf(file: FileHandle): Promise<SealedSource> {
  const { size } = await file.stat()
  return {
    async read(at, bytes) {
      const sealed = Buffer.allocUnsafe(Math.max(0, Math.min(bytes, size - at)))
      let read = 0
      while (read < sealed.length) {
        const { bytesRead } = await file.read(sealed, read, sealed.length - read, at + read)
        if (bytesRead === 0) throw cutOff()
        read += bytesRead
      }
      return { sealed, size }
    },
  }
}
