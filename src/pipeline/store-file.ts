import { randomUUID } from 'node:crypto'
import { ignoreAway } from '../core/blob-store.ts'
import { createFileId, type FilePurpose, type StoredFile } from '../core/file.ts'
import type { FileDeps } from './read-file.ts'

export interface NewFile {
  readonly tenant: string
  readonly filename: string
  readonly purpose: FilePurpose
  /** How long it is kept, in milliseconds. */
  readonly ttlMs: number
}

/** A file that is being received: bytes first, what they are is only known after them. */
export class Upload {
  readonly #id = createFileId()
  readonly #part = randomUUID()
  readonly #deps: FileDeps
  #bytes = 0

  constructor(deps: FileDeps) {
    this.#deps = deps
  }

  /** Writes the content to a blob as it comes. */
  async receive(content: AsyncIterable<Uint8Array>): Promise<void> {
    const writer = await this.#deps.blobs.create({ file: this.#id, part: this.#part })
    try {
      for await (const chunk of content) await writer.write(chunk)
      await writer.close()
      this.#bytes = writer.bytes
    } catch (error) {
      await writer.abort()
      throw error
    }
  }

  /** Makes it a file that survives the death of any process. */
  async keep(file: NewFile, nowMs: number): Promise<StoredFile> {
    const { ttlMs, ...facts } = file
    const stored = { ...facts, id: this.#id, bytes: this.#bytes, createdAtMs: nowMs, expiresAtMs: nowMs + ttlMs }
    await this.#deps.files.add(stored, { name: this.#part, bytes: this.#bytes })
    return stored
  }

  async discard(): Promise<void> {
    await this.#deps.blobs.removeAll(this.#id).catch(ignoreAway)
  }
}
