import { GetObjectCommand } from '@aws-sdk/client-s3'
import { BlobMissingError, type BlobName, type BlobStore, type BlobWriter } from '../../core/blob-store.ts'
import { type FileId, isFileId } from '../../core/file.ts'
import type { VaultKeys } from '../sealing.ts'
import { contextOf, cutOff, openContent } from './open-content.ts'
import { S3BlobWriter } from './s3-blob-writer.ts'
import type { S3Connection } from './s3-connection.ts'
import { S3Failure } from './s3-failure.ts'
import { S3Objects } from './s3-objects.ts'
import { readRange } from './s3-range.ts'

/** Requests at the same time where a file has many blobs. */
const parallel = 8

/**
 * Blobs in a bucket, sealed as in a folder: `<prefix><file id>/<part>`. Processes on any number of machines may share it
 * without sharing a disk.
 */
export class S3BlobStore implements BlobStore {
  readonly #s3: S3Connection
  readonly #objects: S3Objects
  readonly #keys: VaultKeys

  constructor(s3: S3Connection, keys: VaultKeys) {
    this.#s3 = s3
    this.#objects = new S3Objects(s3)
    this.#keys = keys
  }

  async create(name: BlobName): Promise<BlobWriter> {
    const key = this.#keyOf(name)
    return new S3BlobWriter({ s3: this.#s3, objects: this.#objects, key, sealedAs: contextOf(name), keys: this.#keys })
  }

  async *read(name: BlobName, fromByte = 0): AsyncGenerator<Buffer> {
    const place = { Bucket: this.#s3.bucket, Key: this.#keyOf(name) }
    const read = async (at: number, bytes: number) => {
      try {
        return await readRange({ at, bytes }, (range, take) =>
          this.#s3.call(
            'GetObject',
            async (client, options) => {
              const { Body: body, ContentRange: shown } = await client.send(
                new GetObjectCommand({ ...place, Range: range }),
                options,
              )
              await take(shown, body as AsyncIterable<Buffer>)
            },
            { expected: ['NoSuchKey', 'InvalidRange'] },
          ),
        )
      } catch (error) {
        if (!(error instanceof S3Failure)) throw error
        throw error.code === 'NoSuchKey' ? new BlobMissingError(name, error) : cutOff()
      }
    }
    yield* openContent({ read }, { sealedAs: contextOf(name), keys: this.#keys, fromByte })
  }

  async remove(name: BlobName): Promise<void> {
    await this.#objects.removeKey(this.#keyOf(name))
  }

  async removeAll(file: FileId): Promise<void> {
    const prefix = `${this.#s3.prefix}${file}/`
    await inParallel(this.#objects.uploads(prefix), (upload) => this.#objects.giveUp(upload))
    await inParallel(this.#objects.list(prefix), (object) => this.#objects.remove(object))
  }

  async removeDrafts(olderThanMs: number): Promise<void> {
    for await (const upload of this.#objects.uploads()) {
      if (upload.begunMs < olderThanMs && this.#fileOf(upload.key)) await this.#objects.giveUp(upload)
    }
  }

  /** Looks at every object, as only these say when they were written: a thousand in a request. */
  async *untouched(olderThanMs: number): AsyncGenerator<FileId> {
    let file: FileId | null = null
    let newestMs = 0
    for await (const { key, modifiedMs } of this.#objects.list(this.#s3.prefix)) {
      const next = this.#fileOf(key)
      if (!next) continue
      if (next !== file) {
        if (file && newestMs < olderThanMs) yield file
        file = next
        newestMs = 0
      }
      newestMs = Math.max(newestMs, modifiedMs)
    }
    if (file && newestMs < olderThanMs) yield file
  }

  #keyOf({ file, part }: BlobName): string {
    return `${this.#s3.prefix}${file}/${part}`
  }

  #fileOf(key: string): FileId | null {
    if (!key.startsWith(this.#s3.prefix)) return null
    const [file = ''] = key.slice(this.#s3.prefix.length).split('/', 1)
    return isFileId(file) ? file : null
  }
}

async function inParallel<Item>(items: AsyncIterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  let some: Item[] = []
  for await (const item of items) {
    some.push(item)
    if (some.length < parallel) continue
    await Promise.all(some.map(work))
    some = []
  }
  await Promise.all(some.map(work))
}
