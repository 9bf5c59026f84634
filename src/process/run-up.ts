import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { startApi } from '../compose/api.ts'
import { startAuditor } from '../compose/auditor.ts'
import { startCourier } from '../compose/courier.ts'
import { startDispatcher } from '../compose/dispatcher.ts'
import { type RunningRole, type Runtime, SharedProcess } from '../compose/runtime.ts'
import { defaultConfig } from '../config/defaults.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../core/telemetry.ts'
import { startEmbeddedRedis } from '../store/embedded/embedded-redis.ts'
import { createLogger } from '../telemetry/logger.ts'
import { startTelemetry } from '../telemetry/tracing.ts'
import { checkBucket, checkRedis, defaultNodeName, parseVaultKeys, readConfig, StartError } from './environment.ts'
import { endAnyway, shutdownGraceMs, stopRoles, untilToldToStop } from './lifetime.ts'
import { type LocalKeys, readLocalKeys } from './local-keys.ts'
import { findOllamaModels, type SandboxProcess, startSandboxProcess } from './local-upstreams.ts'

export interface UpFlags {
  readonly config?: string
  readonly port?: number
  readonly host?: string
  readonly dataDir?: string
}

/** Runs every role in this process until it is told to stop. */
export async function runUp(flags: UpFlags): Promise<void> {
  const node = defaultNodeName()
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'info', role: 'up', node })
  const stopSignal = untilToldToStop()
  const cleanups: (() => unknown)[] = []
  try {
    const { config, keys } = await prepareConfig(flags, log, cleanups)
    const dataDir = resolve(config.data_dir)
    const given = config.redis.url?.reveal() ?? process.env.REDIS_URL
    const redis = given ?? (await ownRedis(dataDir, log, cleanups))
    await checkRedis(redis, log)
    await checkBucket(config, log)
    const telemetry = await startTelemetry({ role: 'up', node, env: process.env })
    cleanups.push(() => telemetry.shutdown())
    const vaultKey = parseVaultKeys(keys.values.SLUICE_VAULT_KEY, process.env)
    const shared = new SharedProcess()
    cleanups.push(() => shared.close())
    const adminKey = keys.values.SLUICE_ADMIN_KEY
    const runtime: Runtime = { config, redis, vaultKey, adminKey, node, telemetry, log, shared }
    const roles: RunningRole[] = []
    cleanups.push(() => stopRoles(roles, shutdownGraceMs, log))
    const url = await startRoles(runtime, roles, { isFirst: given === undefined })
    announce(keys, config)
    console.log(`ready: ${url}`)
    log.info({ signal: await stopSignal }, 'stopping')
  } catch (error) {
    endAnyway(log)
    throw error
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function prepareConfig(
  flags: UpFlags,
  log: Logger,
  cleanups: (() => unknown)[],
): Promise<{ config: Config; keys: LocalKeys }> {
  const file = flags.config ?? process.env.SLUICE_CONFIG ?? (existsSync('sluice.yaml') ? 'sluice.yaml' : null)
  if (file !== null) {
    const config = withFlags(await readConfig(file, log), flags)
    const sandboxed = await pointAtSandbox(config, cleanups)
    return {
      config: sandboxed,
      keys: await readLocalKeys(config.data_dir, ['SLUICE_ADMIN_KEY', 'SLUICE_VAULT_KEY'], process.env),
    }
  }
  const dataDir = flags.dataDir ?? './data'
  const names = ['SLUICE_API_KEY', 'SLUICE_ADMIN_KEY', 'SLUICE_VAULT_KEY', 'SLUICE_WEBHOOK_SECRET'] as const
  const keys = await readLocalKeys(dataDir, names, process.env)
  const [sandbox, ollamaModels] = await Promise.all([startSandbox(cleanups), findOllamaModels()])
  const config = defaultConfig({
    sandboxUrl: sandbox.url,
    ollamaModels,
    keys: { apiKey: keys.values.SLUICE_API_KEY, webhookSecret: keys.values.SLUICE_WEBHOOK_SECRET },
    dataDir,
  })
  return { config: withFlags(config, flags), keys }
}

function withFlags(config: Config, flags: UpFlags): Config {
  const { host = config.server.host, port = config.server.port, dataDir = config.data_dir } = flags
  return { ...config, data_dir: dataDir, server: { ...config.server, host, port } }
}

/** A deployment of the provider `sandbox` without an address is served by a sandbox of our own. */
async function pointAtSandbox(config: Config, cleanups: (() => unknown)[]): Promise<Config> {
  const needsSandbox = Object.values(config.models)
    .flatMap((model) => model.deployments)
    .filter(({ provider, base_url }) => provider === 'sandbox' && base_url === undefined)
  if (needsSandbox.length === 0) return config
  const { url } = await startSandbox(cleanups)
  const models = Object.entries(config.models).map(([name, model]) => {
    const deployments = model.deployments.map((deployment) =>
      needsSandbox.includes(deployment) ? { ...deployment, base_url: url } : deployment,
    )
    return [name, { ...model, deployments }]
  })
  return { ...config, models: Object.assign(Object.create(null), Object.fromEntries(models)) }
}

async function startSandbox(cleanups: (() => unknown)[]): Promise<SandboxProcess> {
  const sandbox = await startSandboxProcess()
  cleanups.push(() => sandbox.stop())
  return sandbox
}

async function ownRedis(dataDir: string, log: Logger, cleanups: (() => unknown)[]): Promise<string> {
  const redis = await startEmbeddedRedis({ dataDir, logger: log })
  cleanups.push(() => redis.stop())
  log.info({ kind: redis.kind }, `running an own Redis: ${redis.durability}`)
  return redis.url
}

/**
 * Starts the readers of queues before the API, so that nothing is accepted that nobody would take. All that could be started
 * is in `roles`, also where something could not. Resolves with the URL of the API.
 */
async function startRoles(runtime: Runtime, roles: RunningRole[], { isFirst }: { isFirst: boolean }): Promise<string> {
  const pools = Object.keys(runtime.config.pools)
  const starts = await Promise.allSettled([
    startAuditor(runtime),
    startCourier(runtime, { isFirst }),
    ...pools.map((pool) => startDispatcher({ ...runtime, node: `${runtime.node}-${pool}` }, { pool })),
  ])
  for (const start of starts) if (start.status === 'fulfilled') roles.push(start.value)
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed) throw failed.reason
  const api = await startApi(runtime).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new StartError(`Port ${runtime.config.server.port} is in use; choose another with --port.`)
  })
  roles.unshift(api)
  return api.url
}

/** Keys that were made just now are shown once, on stderr: stdout has one line that scripts read. */
function announce(keys: LocalKeys, config: Config): void {
  for (const name of keys.created) {
    if (name !== 'SLUICE_VAULT_KEY') console.error(`${name}=${keys.values[name]}   (made now, kept in ${keys.file})`)
  }
  console.error(`models: ${Object.keys(config.models).join(', ')}`)
}
