import { randomBytes } from 'node:crypto'
import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlobName, BlobStore } from '../../src/core/blob-store.ts'
import type { Logger } from '../../src/core/telemetry.ts'
import { FolderBlobStore } from '../../src/store/blobs/folder-blob-store.ts'
import { S3BlobStore } from '../../src/store/blobs/s3-blob-store.ts'
import { S3Connection, type S3Limits, type S3Settings } from '../../src/store/blobs/s3-connection.ts'
import type { VaultKeys } from '../../src/store/sealing.ts'
import { type S3Server, startS3Server } from './s3-server.ts'

/** A place for blobs that only one test uses, and a look behind the store. */
export interface BlobHome extends AsyncDisposable {
  readonly keys: VaultKeys
  readonly store: BlobStore
  /** The same place, with other keys. */
  open(keys: VaultKeys): BlobStore
  bytesOf(name: BlobName): Promise<Buffer>
  replace(name: BlobName, bytes: Buffer): Promise<void>
  /** All that is there, whole or not. */
  left(): Promise<string[]>
}

export async function openFolderHome(): Promise<BlobHome> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'sluice-blobs-'))
  const blobs = join(folder.path, 'blobs')
  const keys = { current: randomBytes(32), previous: [] }
  const pathOf = ({ file, part }: BlobName) => join(blobs, file, part)
  return {
    keys,
    store: new FolderBlobStore(blobs, keys),
    open: (other) => new FolderBlobStore(blobs, other),
    bytesOf: (name) => readFile(pathOf(name)),
    replace: (name, bytes) => writeFile(pathOf(name), bytes),
    async left() {
      const names = await readdir(blobs, { recursive: true, withFileTypes: true }).catch(() => [])
      return names.filter((entry) => entry.isFile()).map(({ name }) => name)
    },
    [Symbol.asyncDispose]: () => folder.remove(),
  }
}

export interface BucketHome extends BlobHome {
  readonly s3: S3Server
  readonly connection: S3Connection
  /** What was logged, a line each. */
  readonly logged: string[]
}

export async function openBucketHome(
  options: { isVersioned?: boolean; pageSize?: number; limits?: Partial<S3Limits> } = {},
): Promise<BucketHome> {
  const s3 = await startS3Server(options)
  const keys = { current: randomBytes(32), previous: [] }
  const logged: string[] = []
  const note = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`)
  const log: Logger = { debug: note, info: note, warn: note, error: note }
  const prefix = 'sluice/blobs/'
  const connection = new S3Connection(settingsOf(s3, { prefix, limits: options.limits ?? {} }), log)
  const pathOf = ({ file, part }: BlobName) => join(s3.folder, s3.bucket, `${prefix}${file}/${part}._S3rver_object`)
  return {
    s3,
    connection,
    logged,
    keys,
    store: new S3BlobStore(connection, keys),
    open: (other) => new S3BlobStore(connection, other),
    bytesOf: (name) => readFile(pathOf(name)),
    replace: (name, bytes) => writeFile(pathOf(name), bytes),
    async left() {
      return [...(await s3.keys()), ...(await s3.uploads()).map(({ key }) => key)]
    },
    async [Symbol.asyncDispose]() {
      connection.close()
      await s3[Symbol.asyncDispose]()
    },
  }
}

/** How the store itself is told of a server. */
export function settingsOf(s3: Pick<S3Server, 'url' | 'bucket'>, more: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: s3.bucket,
    region: 'us-east-1',
    endpoint: s3.url,
    prefix: '',
    pathStyle: true,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    ...more,
  }
}
