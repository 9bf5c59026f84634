import type { Redis } from 'ioredis'
import type { FileDeps } from '../pipeline/read-file.ts'
import { RedisFiles } from '../store/redis-files.ts'
import { openBlobs } from './blobs.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'

/** Where files are known, and where their content lies. */
export async function openFiles(
  runtime: Pick<Runtime, 'config' | 'vaultKey' | 'log'>,
  redis: Redis,
): Promise<FileDeps> {
  const keys = requireVaultKey(runtime, 'file store')
  return { files: new RedisFiles(redis), blobs: await openBlobs(runtime.config, { keys, log: runtime.log }) }
}
