import { existsSync } from 'node:fs'
import { request } from 'undici'
import { tryBucket } from '../compose/blobs.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import type { DeploymentConfig } from '../config/schema-models.ts'
import type { Logger } from '../core/telemetry.ts'
import { findNativeServer } from '../store/embedded/native-server.ts'
import { connectRedis, describeRedis, requireUsableServer, untilReady } from '../store/redis.ts'

export interface Finding {
  readonly check: string
  readonly outcome: 'ok' | 'warning' | 'problem'
  readonly detail: string
}

const probeMs = 3_000

/** Looks at everything that a start needs, and says what to do about what is missing. */
export async function examine(flags: { config?: string; url: string }): Promise<Finding[]> {
  const { config, findings } = await examineConfig(flags.config)
  return [
    examineNode(),
    ...findings,
    await examineRedis(config?.redis.url?.reveal() ?? process.env.REDIS_URL),
    ...(await examineBucket(config)),
    examineVaultKey(process.env.SLUICE_VAULT_KEY),
    ...(await Promise.all(deploymentsOf(config).map(examineUpstream))),
    await examineApi(flags.url),
  ]
}

function examineNode(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  const detail = `Node ${process.versions.node}`
  return {
    check: 'node',
    outcome: major >= 24 ? 'ok' : 'problem',
    detail: major >= 24 ? detail : `${detail}; 24 is needed`,
  }
}

async function examineConfig(wanted: string | undefined): Promise<{ config: Config | null; findings: Finding[] }> {
  const check = 'configuration'
  const file = wanted ?? process.env.SLUICE_CONFIG ?? (existsSync('sluice.yaml') ? 'sluice.yaml' : null)
  if (file === null) {
    const detail = 'no file; `sluice up` runs with its defaults'
    return { config: null, findings: [{ check, outcome: 'ok', detail }] }
  }
  try {
    const { config, warnings } = await loadConfig({ file, env: process.env })
    const notes = warnings.map(({ line, key, message }): Finding => {
      return { check, outcome: 'warning', detail: `${file}:${line} ${key}: ${message}` }
    })
    return { config, findings: [{ check, outcome: 'ok', detail: `${file} is valid` }, ...notes] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: null, findings: [{ check, outcome: 'problem', detail: error.message }] }
  }
}

async function examineRedis(address: string | undefined): Promise<Finding> {
  const check = 'redis'
  if (address === undefined) {
    const native = await findNativeServer()
    if (native) return { check, outcome: 'ok', detail: `none given; \`sluice up\` would run its own ${native.kind}` }
    const detail = 'none given and no valkey-server or redis-server on PATH; `sluice up` would run one in WebAssembly'
    return { check, outcome: 'warning', detail }
  }
  const redis = connectRedis(address, 'worker')
  try {
    await untilReady(redis, probeMs)
    const { facts, warnings } = await requireUsableServer(redis)
    const detail = `${describeRedis(address)}, ${facts.product} ${facts.version}`
    if (warnings.length > 0) return { check, outcome: 'warning', detail: `${detail}: ${warnings.join('; ')}` }
    return { check, outcome: 'ok', detail }
  } catch (error) {
    return { check, outcome: 'problem', detail: `${describeRedis(address)}: ${(error as Error).message}` }
  } finally {
    redis.disconnect()
  }
}

/** Writes, reads and removes an object of six bytes. Nothing where files are in a folder. */
async function examineBucket(config: Config | null): Promise<Finding[]> {
  const { s3 } = config?.blobs ?? {}
  if (!config || !s3) return []
  const check = 'files'
  const name = `${s3.endpoint ?? `S3 in ${s3.region}`}, bucket ${s3.bucket}`
  try {
    const found = await tryBucket(config, silent)
    const detail = found?.keepsVersions ? `${name}; it keeps versions, and files are deleted in all of them` : name
    return [{ check, outcome: 'ok', detail }]
  } catch (error) {
    const { message, cause } = error as Error
    const isRefused = !(cause instanceof Error)
    return [{ check, outcome: 'problem', detail: isRefused ? message : `${name} does not answer: ${cause.message}` }]
  }
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function examineVaultKey(key: string | undefined): Finding {
  const check = 'vault key'
  if (key === undefined) {
    return {
      check,
      outcome: 'warning',
      detail: 'SLUICE_VAULT_KEY is not set: `sluice up` makes one, single roles need it',
    }
  }
  const isRight = Buffer.from(key, 'base64').length === 32
  const detail = isRight ? '32 bytes' : 'SLUICE_VAULT_KEY is not 32 bytes in base64; make one: openssl rand -base64 32'
  return { check, outcome: isRight ? 'ok' : 'problem', detail }
}

function deploymentsOf(config: Config | null): DeploymentConfig[] {
  return Object.values(config?.models ?? {}).flatMap((model) => model.deployments)
}

/** Asks an upstream for its list of models: that costs nothing and shows whether address and key are right. */
async function examineUpstream(deployment: DeploymentConfig): Promise<Finding> {
  const check = 'upstream'
  const { id, provider, base_url: baseUrl, api_key: apiKey } = deployment
  if (baseUrl === undefined) return { check, outcome: 'ok', detail: `${id}: started by \`sluice up\`` }
  const url = provider === 'ollama' ? `${baseUrl}/api/tags` : `${baseUrl}/models`
  try {
    const headers = apiKey ? { authorization: `Bearer ${apiKey.reveal()}` } : {}
    const { statusCode, body } = await request(url, { headers, signal: AbortSignal.timeout(probeMs) })
    await body.dump()
    if (statusCode === 401 || statusCode === 403) {
      return { check, outcome: 'problem', detail: `${id}: ${baseUrl} refuses the api_key (${statusCode})` }
    }
    return { check, outcome: statusCode < 500 ? 'ok' : 'warning', detail: `${id}: ${baseUrl} answers ${statusCode}` }
  } catch {
    return { check, outcome: 'warning', detail: `${id}: ${baseUrl} does not answer within ${probeMs / 1000} s` }
  }
}

async function examineApi(url: string): Promise<Finding> {
  const check = 'api'
  try {
    const { statusCode, body } = await request(`${url}/health/ready`, { signal: AbortSignal.timeout(probeMs) })
    await body.dump()
    const detail = `${url} answers ${statusCode}`
    return { check, outcome: statusCode === 200 ? 'ok' : 'warning', detail }
  } catch {
    return { check, outcome: 'ok', detail: `nothing runs at ${url}` }
  }
}
