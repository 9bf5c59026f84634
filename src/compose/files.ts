import { join, resolve } from 'node:path'
import type { Redis } from 'ioredis'
import type { FileDeps } from '../pipeline/read-file.ts'
import { FolderBlobStore } from '../store/blobs/folder-blob-store.ts'
import { RedisFiles } from '../store/redis-files.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'

/** Where files are known, and where their content lies. */
export function openFiles(runtime: Pick<Runtime, 'config' | 'vaultKey'>, redis: Redis): FileDeps {
  const folder = join(resolve(runtime.config.data_dir), 'blobs')
  return { files: new RedisFiles(redis), blobs: new FolderBlobStore(folder, requireVaultKey(runtime, 'file store')) }
}
