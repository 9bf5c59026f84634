import { randomUUID } from 'node:crypto'
import type { FileAddition } from '../core/batch-store.ts'
import { type BlobWriter, ignoreAway } from '../core/blob-store.ts'
import { createFileId, type FileId, type FilePart } from '../core/file.ts'
import { type FileDeps, readFileContent } from './read-file.ts'

/** A part that is smaller is written anew with what is added; parts of this size keep a file of gigabytes at thousands. */
const fullPartBytes = 1024 * 1024

/**
 * Adds to a file that a batch writes. What is added is in a blob of its own, or, while that is small, in one together
 * with the file's last part; it counts when the store says so, and until then nobody sees it.
 */
export class OutcomeFile {
  readonly #deps: FileDeps
  readonly #known: FileId | null
  #file: FileId | null = null
  #last: FilePart | null = null
  #replaces = false
  #part = ''
  #writer: BlobWriter | null = null

  constructor(known: FileId | null, deps: FileDeps) {
    this.#known = known
    this.#deps = deps
  }

  async write(line: Buffer): Promise<void> {
    this.#writer ??= await this.#open()
    await this.#writer.write(line)
  }

  /** Null where nothing was written. */
  async close(): Promise<FileAddition | null> {
    const writer = this.#writer
    if (!writer || !this.#file) return null
    await writer.close()
    return {
      file: this.#file,
      last: this.#last?.name ?? null,
      replacesLast: this.#replaces,
      part: { name: this.#part, bytes: writer.bytes },
    }
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    if (!this.#file) return
    await this.#writer?.abort()
    await this.#deps.blobs.remove({ file: this.#file, part: this.#part }).catch(ignoreAway)
  }

  /** Whether what was written counts. A connection that broke may have kept to itself that it does. */
  async counts(): Promise<boolean> {
    if (!this.#file) return false
    return (await this.#deps.files.parts(this.#file)).some(({ name }) => name === this.#part)
  }

  /** Removes the part whose place the new one has taken. */
  async removeReplaced(): Promise<void> {
    if (this.#file && this.#last && this.#replaces) {
      // It counts already; what stays goes with its file.
      await this.#deps.blobs.remove({ file: this.#file, part: this.#last.name }).catch(ignoreAway)
    }
  }

  async #open(): Promise<BlobWriter> {
    const file = this.#known ?? createFileId()
    const parts = this.#known ? await this.#deps.files.parts(file) : []
    this.#file = file
    this.#last = parts.at(-1) ?? null
    this.#replaces = this.#last !== null && this.#last.bytes < fullPartBytes
    this.#part = randomUUID()
    const writer = await this.#deps.blobs.create({ file, part: this.#part })
    if (this.#replaces) {
      const before = parts.slice(0, -1).reduce((bytes, part) => bytes + part.bytes, 0)
      try {
        for await (const chunk of readFileContent(file, this.#deps, before)) await writer.write(chunk)
      } catch (error) {
        await writer.abort()
        throw error
      }
    }
    return writer
  }
}

/**
 * Writes to files of a batch and lets it count, or leaves nothing behind. Where it can't be told whether it counts, because
 * the store is away, the blobs stay: they go with their file.
 */
export async function appendTo(
  files: readonly OutcomeFile[],
  steps: {
    write: () => Promise<void>
    commit: (additions: readonly (FileAddition | null)[]) => Promise<boolean>
  },
): Promise<boolean> {
  const additions: (FileAddition | null)[] = []
  try {
    await steps.write()
    for (const file of files) additions.push(await file.close())
  } catch (error) {
    for (const file of files) await file.discard()
    throw error
  }
  if (await steps.commit(additions)) {
    for (const file of files) await file.removeReplaced()
    return true
  }
  for (const file of files) if (!(await file.counts())) await file.discard()
  return false
}
