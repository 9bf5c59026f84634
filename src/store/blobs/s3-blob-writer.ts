import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { BlobWriter } from '../../core/blob-store.ts'
import { BrokerError } from '../../core/errors.ts'
import type { VaultKeys } from '../sealing.ts'
import { ChunkSealer } from './chunk-sealer.ts'
import type { S3Connection } from './s3-connection.ts'
import { S3Failure } from './s3-failure.ts'
import type { S3Objects } from './s3-objects.ts'

/**
 * The least that S3 takes as a part that is not the last, in bytes. All parts have this size: some stores want them equal.
 * 10,000 parts are the most, so a blob may have 50 GB.
 */
export const partBytes = 5 * 1024 * 1024

/**
 * A blob on its way into a bucket: one request where it fits into a part, else parts, of which one is sent while the next
 * one fills. S3 shows an object when it is whole, never before.
 */
export class S3BlobWriter implements BlobWriter {
  readonly #s3: S3Connection
  readonly #objects: S3Objects
  readonly #place: { readonly Bucket: string; readonly Key: string }
  readonly #sealer: ChunkSealer
  readonly #stop = new AbortController()
  #pieces: Buffer[] = []
  #held = 0
  #sealedBytes = 0
  #upload: { readonly id: string; readonly tags: string[] } | null = null
  #sending: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Whether S3 may have made an object of it although we were not told. */
  #isMade = false

  constructor(options: { s3: S3Connection; objects: S3Objects; key: string; sealedAs: string; keys: VaultKeys }) {
    const { s3, objects, key, sealedAs, keys } = options
    this.#s3 = s3
    this.#objects = objects
    this.#place = { Bucket: s3.bucket, Key: key }
    this.#sealer = new ChunkSealer(sealedAs, keys, (sealed) => this.#append(sealed))
  }

  get bytes(): number {
    return this.#sealer.bytes
  }

  write(content: Uint8Array): Promise<void> {
    return this.#sealer.write(content)
  }

  async close(): Promise<void> {
    await this.#sealer.finish()
    const rest = this.#take(this.#held)
    if (this.#upload) await this.#complete(this.#upload, rest)
    else await this.#put(rest)
    this.#isClosed = true
  }

  async abort(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#pieces = []
    this.#stop.abort()
    await this.#sending.catch(() => {})
    const { Key: key } = this.#place
    try {
      if (this.#upload) await this.#objects.giveUp({ key, id: this.#upload.id })
      if (this.#isMade) await this.#objects.removeKey(key)
    } catch {
      // The bucket is away, which is most often why there is something to give up. The log has been told.
    }
  }

  async #append(sealed: Buffer): Promise<void> {
    this.#pieces.push(sealed)
    this.#held += sealed.length
    this.#sealedBytes += sealed.length
    // Only when more comes: what fits into one part takes one request.
    if (this.#held <= partBytes) return
    const part = this.#take(partBytes)
    await this.#sending
    this.#upload ??= await this.#begin()
    this.#sending = this.#send(this.#upload, part)
    // Whoever writes or closes next is told.
    this.#sending.catch(() => {})
  }

  /** The first bytes of those that are held. */
  #take(bytes: number): Buffer {
    const all = Buffer.concat(this.#pieces, this.#held)
    const rest = all.subarray(bytes)
    // A copy: the rest is small, and would keep the whole part in memory.
    this.#pieces = rest.length > 0 ? [Buffer.from(rest)] : []
    this.#held = rest.length
    return all.subarray(0, bytes)
  }

  async #begin(): Promise<{ id: string; tags: string[] }> {
    const command = new CreateMultipartUploadCommand({ ...this.#place, ContentType: contentType })
    const { UploadId: id } = await this.#call('CreateMultipartUpload', (client, options) =>
      client.send(command, options),
    )
    if (!id) throw new Error('the bucket began an upload without a name')
    return { id, tags: [] }
  }

  async #send({ id, tags }: { id: string; tags: string[] }, part: Buffer): Promise<void> {
    const command = new UploadPartCommand({
      ...this.#place,
      UploadId: id,
      PartNumber: tags.length + 1,
      Body: part,
      ContentLength: part.length,
    })
    const { ETag: tag } = await this.#call('UploadPart', (client, options) => client.send(command, options))
    if (!tag) throw new Error('the bucket took a part without naming it')
    tags.push(tag)
  }

  async #complete(upload: { id: string; tags: string[] }, rest: Buffer): Promise<void> {
    await this.#sending
    await this.#send(upload, rest)
    const command = new CompleteMultipartUploadCommand({
      ...this.#place,
      UploadId: upload.id,
      MultipartUpload: { Parts: upload.tags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) },
    })
    this.#isMade = true
    try {
      await this.#call('CompleteMultipartUpload', (client, options) => client.send(command, options), [noSuchUpload])
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error
      // Where the answer to the first attempt was lost, the second one finds no upload any more, and the object.
      const command = new HeadObjectCommand(this.#place)
      const { ContentLength: bytes } = await this.#call('HeadObject', (client, options) =>
        client.send(command, options),
      )
      if (bytes !== this.#sealedBytes) throw new BrokerError('blob_store_unavailable', undefined, { cause: error })
    }
  }

  async #put(all: Buffer): Promise<void> {
    this.#isMade = true
    const command = new PutObjectCommand({
      ...this.#place,
      Body: all,
      ContentLength: all.length,
      ContentType: contentType,
    })
    await this.#call('PutObject', (client, options) => client.send(command, options))
  }

  #call<Output>(
    operation: string,
    send: Parameters<typeof S3Connection.prototype.call<Output>>[1],
    expected: readonly string[] = [],
  ): Promise<Output> {
    return this.#s3.call(operation, send, { expected, signal: this.#stop.signal })
  }
}

const contentType = 'application/octet-stream'
const noSuchUpload = 'NoSuchUpload'
