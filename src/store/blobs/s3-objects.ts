import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3'
import type { S3Connection } from './s3-connection.ts'
import { S3Failure } from './s3-failure.ts'

interface S3Object {
  readonly key: string
  /** Set in a bucket that keeps versions, where what is deleted without naming the version stays. */
  readonly version?: string
  readonly modifiedMs: number
}

interface S3Upload {
  readonly key: string
  readonly id: string
  readonly begunMs: number
}

/** What a store says that lacks a function of S3's. */
const notThere = ['NotImplemented', 'MethodNotAllowed']

/** Lists and removes what is in a bucket, a page at a time; what is removed is gone in all its versions. */
export class S3Objects {
  readonly #s3: S3Connection
  #versioned: Promise<boolean> | null = null

  constructor(s3: S3Connection) {
    this.#s3 = s3
  }

  /** Whether the bucket keeps what is deleted, or has done so before. Asked once. */
  keepsVersions(): Promise<boolean> {
    this.#versioned ??= this.#askForVersions().catch((error: unknown) => {
      this.#versioned = null
      throw error
    })
    return this.#versioned
  }

  /** In the order of their keys. */
  async *list(prefix: string): AsyncGenerator<S3Object> {
    yield* (await this.keepsVersions()) ? this.#listVersions(prefix) : this.#listCurrent(prefix)
  }

  /** Removes what has exactly this key. */
  async removeKey(key: string): Promise<void> {
    if (!(await this.keepsVersions())) return this.remove({ key })
    for await (const object of this.#listVersions(key)) if (object.key === key) await this.remove(object)
  }

  async remove({ key, version }: Pick<S3Object, 'key' | 'version'>): Promise<void> {
    // One by one: requests for many need a checksum that some stores want as MD5 and others as CRC32
    // (https://github.com/aws/aws-sdk-js-v3/issues/6819).
    const command = new DeleteObjectCommand({ Bucket: this.#s3.bucket, Key: key, VersionId: version })
    await this.#s3
      .call('DeleteObject', (client, options) => client.send(command, options), { expected: ['NoSuchKey'] })
      .catch(unlessExpected)
  }

  /**
   * Uploads that were begun and neither completed nor given up. None where the store cannot list them. MinIO lists none by a
   * prefix that is not a whole key (https://github.com/minio/minio/issues/20989), but all without one.
   */
  async *uploads(prefix?: string): AsyncGenerator<S3Upload> {
    let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | null = {}
    while (from) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket: this.#s3.bucket,
        Prefix: prefix,
        ...from,
      })
      const page = await this.#s3
        .call('ListMultipartUploads', (client, options) => client.send(command, options), { expected: notThere })
        .catch(unlessExpected)
      for (const { Key: key, UploadId: id, Initiated: begun } of page?.Uploads ?? []) {
        if (key && id) yield { key, id, begunMs: begun?.getTime() ?? 0 }
      }
      from = page?.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : null
    }
  }

  async giveUp({ key, id }: Pick<S3Upload, 'key' | 'id'>): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#s3.bucket, Key: key, UploadId: id })
    await this.#s3
      .call('AbortMultipartUpload', (client, options) => client.send(command, options), { expected: ['NoSuchUpload'] })
      .catch(unlessExpected)
  }

  async #askForVersions(): Promise<boolean> {
    const command = new GetBucketVersioningCommand({ Bucket: this.#s3.bucket })
    const answer = await this.#s3
      .call('GetBucketVersioning', (client, options) => client.send(command, options), { expected: notThere })
      .catch(unlessExpected)
    return answer?.Status !== undefined
  }

  async *#listCurrent(prefix: string): AsyncGenerator<S3Object> {
    let token: string | undefined
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        Bucket: this.#s3.bucket,
        Prefix: prefix,
        ContinuationToken: token,
      })
      const page = await this.#s3.call('ListObjectsV2', (client, options) => client.send(command, options))
      for (const { Key: key, LastModified: modified } of page.Contents ?? []) {
        if (key) yield { key, modifiedMs: modified?.getTime() ?? 0 }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token)
  }

  async *#listVersions(prefix: string): AsyncGenerator<S3Object> {
    let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | null = {}
    while (from) {
      const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
        Bucket: this.#s3.bucket,
        Prefix: prefix,
        ...from,
      })
      const page = await this.#s3.call('ListObjectVersions', (client, options) => client.send(command, options))
      const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
      for (const { Key: key, VersionId: version, LastModified: modified } of found) {
        if (key && version) yield { key, version, modifiedMs: modified?.getTime() ?? 0 }
      }
      from = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : null
    }
  }
}

function unlessExpected(error: unknown): undefined {
  if (!(error instanceof S3Failure)) throw error
}
