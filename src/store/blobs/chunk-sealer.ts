import type { VaultKeys } from '../sealing.ts'
import { type BlobKey, contentPerChunk, createBlobKey, sealChunk } from './sealed-blob.ts'

/** Takes what is sealed, in order, and may keep it. */
type Append = (sealed: Buffer) => Promise<void>

/** Seals content chunk by chunk as it comes, under a key of its own. Holds one chunk in memory. */
export class ChunkSealer {
  /** Bytes of content so far. */
  bytes = 0
  readonly #key: BlobKey
  readonly #append: Append
  readonly #chunk = Buffer.allocUnsafe(contentPerChunk)
  #header: Buffer | null
  #filled = 0
  #number = 0

  constructor(sealedAs: string, keys: VaultKeys, append: Append) {
    const { key, header } = createBlobKey(sealedAs, keys)
    this.#key = key
    this.#header = header
    this.#append = append
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

  /** Seals what is left as the last chunk. */
  async finish(): Promise<void> {
    await this.#sealChunk(true)
  }

  async #sealChunk(isLast: boolean): Promise<void> {
    if (this.#header) await this.#append(this.#header)
    this.#header = null
    const content = this.#chunk.subarray(0, this.#filled)
    const sealed = sealChunk(content, { number: this.#number, isLast }, this.#key)
    this.#number += 1
    this.#filled = 0
    await this.#append(sealed)
  }
}
