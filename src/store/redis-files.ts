import type { Redis } from 'ioredis'
import {
  type FileId,
  type FilePage,
  type FilePart,
  type FilePurpose,
  type FileQuery,
  type FileStore,
  isFileId,
  type StoredFile,
} from '../core/file.ts'
import { fileScripts } from './file-scripts.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

/** How many entries of an index are read at once. */
const pageSize = 200
/** When a file that is overdue and still used is looked at again. */
const usedAgainMs = 3_600_000

/** Files on Redis; `core/file.ts` says what each method promises. */
export class RedisFiles implements FileStore {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof fileScripts>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'files', fileScripts)
  }

  async add(file: StoredFile, part: FilePart): Promise<void> {
    const { id, tenant, filename, purpose, bytes, createdAtMs, expiresAtMs } = file
    await this.#run(
      'addFile',
      [keys.file(id), keys.fileParts(id), keys.tenantFiles(tenant), keys.filesDue],
      [
        ...[id, createdAtMs, expiresAtMs ?? '', part.name, part.bytes],
        ...['tenant', tenant, 'filename', filename, 'purpose', purpose, 'bytes', bytes],
        ...['created', createdAtMs, 'expires', expiresAtMs ?? ''],
      ],
    )
  }

  async read(id: FileId): Promise<StoredFile | null> {
    return parseFile(id, await translateRedisErrors(this.#redis.hgetall(keys.file(id))))
  }

  async parts(id: FileId): Promise<readonly FilePart[]> {
    const parts = await translateRedisErrors(this.#redis.lrange(keys.fileParts(id), 0, -1))
    return parts.map(parsePart)
  }

  async list({ tenant, purpose, order, after, limit }: FileQuery): Promise<FilePage> {
    const index = keys.tenantFiles(tenant)
    const isAscending = order === 'asc'
    let rank = 0
    if (after !== undefined) {
      const found = await translateRedisErrors(
        isAscending ? this.#redis.zrank(index, after) : this.#redis.zrevrank(index, after),
      )
      if (found === null) return { files: [], hasMore: false }
      rank = found + 1
    }
    const files: StoredFile[] = []
    // One more than is wanted tells whether there is another page.
    while (files.length <= limit) {
      const end = rank + pageSize - 1
      const read = isAscending
        ? this.#redis.zrangebyscore(index, '-inf', '+inf', 'LIMIT', rank, pageSize)
        : this.#redis.zrevrange(index, rank, end)
      const ids = (await translateRedisErrors(read)).filter(isFileId)
      for (const file of await this.#readAll(ids)) {
        if (file && (purpose === undefined || file.purpose === purpose)) files.push(file)
      }
      if (ids.length < pageSize) break
      rank += pageSize
    }
    return { files: files.slice(0, limit), hasMore: files.length > limit }
  }

  async remove(id: FileId): Promise<'removed' | 'used' | 'missing'> {
    const scriptKeys = [keys.file(id), keys.fileParts(id), keys.filesDue]
    return (await this.#run('removeFile', scriptKeys, [id, keys.tenantFiles('')])) as 'removed' | 'used' | 'missing'
  }

  async overdue(nowMs: number, limit: number): Promise<readonly FileId[]> {
    const ids = await translateRedisErrors(this.#redis.zrangebyscore(keys.filesDue, '-inf', nowMs, 'LIMIT', 0, limit))
    if (ids.length > 0) {
      // Those that are removed are taken out of the index with that; the others must not stand in the way.
      const later = ids.flatMap((id) => [String(nowMs + usedAgainMs), id])
      await translateRedisErrors(this.#redis.zadd(keys.filesDue, 'XX', ...later))
    }
    return ids.filter(isFileId)
  }

  async removeLater(id: FileId): Promise<void> {
    await translateRedisErrors(this.#redis.zadd(keys.filesDue, 0, id))
  }

  async exists(ids: readonly FileId[]): Promise<ReadonlySet<FileId>> {
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.exists(keys.file(id))
    const replies = await executePipeline(pipeline)
    return new Set(ids.filter((_, index) => replies[index] === 1))
  }

  async #readAll(ids: readonly FileId[]): Promise<(StoredFile | null)[]> {
    if (ids.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.hgetall(keys.file(id))
    const replies = await executePipeline(pipeline)
    return ids.map((id, index) => parseFile(id, replies[index] as Record<string, string>))
  }
}

function parseFile(id: FileId, state: Record<string, string>): StoredFile | null {
  if (state.tenant === undefined) return null
  return {
    id,
    tenant: state.tenant,
    filename: state.filename ?? '',
    purpose: state.purpose as FilePurpose,
    bytes: Number(state.bytes),
    createdAtMs: Number(state.created),
    expiresAtMs: state.expires ? Number(state.expires) : null,
  }
}

/** `<name> <bytes>`: names have no blank. */
function parsePart(text: string): FilePart {
  const [name = '', bytes] = text.split(' ')
  return { name, bytes: Number(bytes) }
}
