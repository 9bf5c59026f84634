import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobWriter } from '../../core/blob-store.ts'
import type { VaultKeys } from '../sealing.ts'
import { type BlobKey, contentPerChunk, createBlobKey, sealChunk } from './sealed-blob.ts'

const fileMode = 0o600

/** A blob that is being written, under another name until it is whole and on disk. Holds one chunk in memory. */
export class BlobFile implements BlobWriter {
  bytes = 0
  readonly #file: FileHandle
  readonly #draft: string
  readonly #folder: string
  readonly #part: string
  readonly #key: BlobKey
  readonly #chunk = Buffer.allocUnsafe(contentPerChunk)
  #filled = 0
  #number = 0
  #isOpen = true

  private constructor(file: FileHandle, place: { draft: string; folder: string; part: string }, key: BlobKey) {
    this.#file = file
    this.#draft = place.draft
    this.#folder = place.folder
    this.#part = place.part
    this.#key = key
  }

  static async create(options: { folder: string; part: string; sealedAs: string; keys: VaultKeys }): Promise<BlobFile> {
    const { folder, part, sealedAs, keys } = options
    const { key, header } = createBlobKey(sealedAs, keys)
    const draft = join(folder, `${part}.${randomUUID()}.draft`)
    const file = await open(draft, 'wx', fileMode)
    const blob = new BlobFile(file, { draft, folder, part }, key)
    await blob.#append(header)
    return blob
  }

  async write(content: Uint8Array): Promise<void> {
    this.bytes += content.length
    for (let at = 0; at < content.length; ) {
      // Only when more comes: the last chunk must be known as the last.
      if (this.#filled === contentPerChunk) await this.#sealChunk(false)
      const taken = Math.min(contentPerChunk - this.#filled, content.length - at)
      this.#chunk.set(content.subarray(at, at + taken), this.#filled)
      this.#filled += taken
      at += taken
    }
  }

  async close(): Promise<void> {
    await this.#sealChunk(true)
    await this.#file.sync()
    await this.#file.close()
    await rename(this.#draft, join(this.#folder, this.#part))
    this.#isOpen = false
    await syncFolder(this.#folder)
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#file.close()
    await rm(this.#draft, { force: true })
  }

  async #sealChunk(isLast: boolean): Promise<void> {
    const content = this.#chunk.subarray(0, this.#filled)
    const sealed = sealChunk(content, { number: this.#number, isLast }, this.#key)
    this.#number += 1
    this.#filled = 0
    await this.#append(sealed)
  }

  async #append(bytes: Buffer): Promise<void> {
    let written = 0
    while (written < bytes.length) written += (await this.#file.write(bytes, written)).bytesWritten
  }
}

/** Makes new and renamed names of a folder last. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(folder, 'r')
    await handle.sync()
  } catch (error) {
    // Windows has no handles on folders, and keeps names without being told.
    if (process.platform !== 'win32') throw error
  } finally {
    await handle?.close()
  }
}
