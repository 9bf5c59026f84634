import { hostname } from 'node:os'
import { tryBucket } from '../compose/blobs.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import { isAway } from '../core/blob-store.ts'
import type { Logger } from '../core/telemetry.ts'
import { connectRedis, type RedisAddress, requireUsableServer, untilReady } from '../store/redis.ts'
import type { VaultKeys } from '../store/sealing.ts'

/** A start that can't be: the message tells an operator what to do. The CLI prints it without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Loads the configuration, logs its warnings, and turns its problems into a `StartError`. */
export async function readConfig(file: string, log: Logger): Promise<Config> {
  try {
    const { config, warnings } = await loadConfig({ file, env: process.env })
    for (const warning of warnings) {
      log.warn({ file: warning.file, line: warning.line, key: warning.key }, warning.message)
    }
    return config
  } catch (error) {
    if (error instanceof ConfigError) throw new StartError(error.message)
    throw error
  }
}

/**
 * `current` is the text of `SLUICE_VAULT_KEY`; the keys before it are read from `SLUICE_VAULT_KEY_PREVIOUS`, with commas
 * in between. @throws StartError
 */
export function parseVaultKeys(current: string, env: Readonly<Record<string, string | undefined>>): VaultKeys {
  const previous = (env.SLUICE_VAULT_KEY_PREVIOUS ?? '').split(',').filter((text) => text.trim() !== '')
  return {
    current: parseVaultKey(current),
    previous: previous.map((text) => parseVaultKey(text, 'SLUICE_VAULT_KEY_PREVIOUS')),
  }
}

/** The 32 bytes of one key. @throws StartError */
function parseVaultKey(text: string, variable = 'SLUICE_VAULT_KEY'): Buffer {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32) {
    throw new StartError(`${variable} must be 32 bytes in base64; make one with: openssl rand -base64 32`)
  }
  return key
}

/** Refuses a Redis that could lose jobs, and logs what should be known about it. @throws UnusableRedisError */
export async function checkRedis(address: RedisAddress, log: Logger): Promise<void> {
  const redis = connectRedis(address, 'worker', { logger: log, name: 'sluice-start' })
  try {
    await untilReady(redis)
    const { warnings } = await requireUsableServer(redis)
    for (const warning of warnings) log.warn({}, warning)
  } finally {
    redis.disconnect()
  }
}

/**
 * Refuses a bucket that would not take files. One that is away refuses nothing: all but files and batches goes without it,
 * and they go on when it is back. @throws UnusableBucketError
 */
export async function checkBucket(config: Config, log: Logger): Promise<void> {
  try {
    const bucket = await tryBucket(config, log)
    if (bucket?.keepsVersions)
      log.info({}, 'the bucket of files keeps versions; what is deleted is deleted in all of them')
  } catch (error) {
    if (!isAway(error)) throw error
    log.warn({ err: error }, 'the bucket of files is away; files and batches wait for it')
  }
}

export function defaultNodeName(): string {
  // Two processes on one host must not answer to one name.
  return `${hostname()}-${process.pid}`
}
