import { v7 as uuid } from 'uuid'
import type { BatchId } from './batch.ts'
import { takeRandomBytes } from './random-bytes.ts'

declare const fileIdBrand: unique symbol
/** `file-` and 32 hexadecimal digits that sort by time. Doubles as the name of the folder of its blobs. */
export type FileId = string & { readonly [fileIdBrand]: true }

const fileIdPattern = /^file-[0-9a-f]{32}$/

export function createFileId(): FileId {
  return `file-${uuid({ random: takeRandomBytes(16) }).replaceAll('-', '')}` as FileId
}

export function isFileId(text: string): text is FileId {
  return fileIdPattern.test(text)
}

/** What a client uploads, and what a batch writes. */
export type FilePurpose = 'batch' | 'batch_output'

/** Largest upload, in bytes: OpenAI's limit of a batch's input. */
export const maxFileBytes = 200 * 1024 * 1024

/** What may stand in `expires_after`, in seconds: OpenAI's limits. */
export const expirySeconds = { least: 3_600, most: 2_592_000 } as const

/** A file as the store knows it. Its content is in blobs: one for each part. */
export interface StoredFile {
  readonly id: FileId
  readonly tenant: string
  /** As the client called it; nothing is ever written under this name. */
  readonly filename: string
  readonly purpose: FilePurpose
  readonly bytes: number
  readonly createdAtMs: number
  /** Null while a batch writes it: its time begins with the end of the batch. */
  readonly expiresAtMs: number | null
}

export interface FilePart {
  readonly name: string
  readonly bytes: number
}

/** Newest first, unless `order` says otherwise. */
export interface FileQuery {
  readonly tenant: string
  readonly purpose?: FilePurpose
  readonly order: 'asc' | 'desc'
  readonly after?: FileId
  readonly limit: number
}

export interface FilePage {
  readonly files: readonly StoredFile[]
  readonly hasMore: boolean
}

/** What is known of files. Each method is one step. Rejects with `BrokerError('redis_unavailable')` when the store is away. */
export interface FileStore {
  /** Its blob must be there: from now on it can be read. */
  add(file: StoredFile, part: FilePart): Promise<void>
  read(id: FileId): Promise<StoredFile | null>
  /** In the order of the content. */
  parts(id: FileId): Promise<readonly FilePart[]>
  list(query: FileQuery): Promise<FilePage>
  /** `used`: an open batch reads or writes it. */
  remove(id: FileId): Promise<'removed' | 'used' | 'missing'>
  /** Files whose time is over. One that is still used is looked at again an hour later. */
  overdue(nowMs: number, limit: number): Promise<readonly FileId[]>
  /** Its content could not be removed: it comes up in `overdue` at once, whether it is known or not. */
  removeLater(id: FileId): Promise<void>
  exists(ids: readonly FileId[]): Promise<ReadonlySet<FileId>>
}

/** The names of the files that a batch writes. */
export function outputName(batch: BatchId, kind: 'output' | 'error'): string {
  return `${batch}_${kind}.jsonl`
}
