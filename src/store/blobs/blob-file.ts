import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobWriter } from '../../core/blob-store.ts'
import { syncFolder } from '../../disk/folders.ts'
import type { VaultKeys } from '../sealing.ts'
import { ChunkSealer } from './chunk-sealer.ts'

const fileMode = 0o600
/** What the name of a file ends with that was not closed yet. */
export const draftEnding = '.draft'

/** A blob that is being written, under another name until it is whole and on disk. Holds one chunk in memory. */
export class BlobFile implements BlobWriter {
  readonly #file: FileHandle
  readonly #draft: string
  readonly #folder: string
  readonly #part: string
  readonly #sealer: ChunkSealer
  #isOpen = true

  private constructor(
    file: FileHandle,
    place: { draft: string; folder: string; part: string },
    seal: { sealedAs: string; keys: VaultKeys },
  ) {
    this.#file = file
    this.#draft = place.draft
    this.#folder = place.folder
    this.#part = place.part
    this.#sealer = new ChunkSealer(seal.sealedAs, seal.keys, (sealed) => this.#append(sealed))
  }

  static async create(options: { folder: string; part: string; sealedAs: string; keys: VaultKeys }): Promise<BlobFile> {
    const { folder, part } = options
    const draft = join(folder, `${part}.${randomUUID()}${draftEnding}`)
    const file = await open(draft, 'wx', fileMode)
    return new BlobFile(file, { draft, folder, part }, options)
  }

  get bytes(): number {
    return this.#sealer.bytes
  }

  write(content: Uint8Array): Promise<void> {
    return this.#sealer.write(content)
  }

  async close(): Promise<void> {
    await this.#sealer.finish()
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

  async #append(bytes: Buffer): Promise<void> {
    let written = 0
    while (written < bytes.length) written += (await this.#file.write(bytes, written)).bytesWritten
  }
}
