import { setTimeout as sleep } from 'node:timers/promises'
import { findNativeServer } from '../../src/store/embedded/native-server.ts'
import { canInstall, installPackage } from './apt.ts'
import { type RedisSource, redisSource, setRedisSource } from './redis-source.ts'

/**
 * Decides where the tests get their Redis from, and says so in one line: containers where a Docker engine works, else a
 * server on PATH, else on a Debian where we are root the distribution's package, else Valkey as WebAssembly.
 */
export async function setup(): Promise<void> {
  const { source, reason } = await chooseSource()
  setRedisSource(source)
  console.log(`Redis for the tests: ${reason}`)
}

interface Choice {
  readonly source: RedisSource
  readonly reason: string
}

// A machine may have the docker command, or a DOCKER_HOST, and no engine that answers.
const engineTimeoutMs = 2_000
// Pulling an image over a slow line.
const downloadTimeoutMs = 180_000

async function chooseSource(): Promise<Choice> {
  const wanted = redisSource()
  if (wanted) return { source: wanted, reason: `${wanted}, as SLUICE_TEST_REDIS says` }
  if (await canRunContainers()) return { source: 'container', reason: 'one container per test, by testcontainers' }
  return (await chooseNative()) ?? (await installNative()) ?? chooseWasm()
}

async function canRunContainers(): Promise<boolean> {
  try {
    if (!(await within(engineTimeoutMs, findEngine()))) return false
    // An engine without a registry is of no use, so one is started to see.
    const { startContainerRedis } = await import('./container-redis.ts')
    const redis = await within(downloadTimeoutMs, startContainerRedis())
    await redis?.stop()
    return redis !== undefined
  } catch (error) {
    console.log(`No containers for the tests: ${error instanceof Error ? error.message : error}`)
    return false
  }
}

async function findEngine(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
}

async function chooseNative(): Promise<Choice | undefined> {
  const binary = await findNativeServer()
  return binary && { source: 'native', reason: `${binary.file} ${binary.version}, one process per test` }
}

async function installNative(): Promise<Choice | undefined> {
  if (!canInstall()) return undefined
  await installPackage('redis-server', { forWhat: 'Redis for the tests', service: 'redis-server' })
  return chooseNative()
}

function chooseWasm(): Choice {
  return {
    source: 'wasm',
    reason: 'Valkey as WebAssembly, one process per test; tests that need a native server are skipped',
  }
}

/** Undefined when it takes longer. */
async function within<Result>(timeoutMs: number, promise: Promise<Result>): Promise<Result | undefined> {
  const timeout = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined)
  return Promise.race([promise, late]).finally(() => timeout.abort())
}
