import type { RunningRole, Runtime } from '../compose/runtime.ts'
import { createLogger } from '../telemetry/logger.ts'
import { startTelemetry } from '../telemetry/tracing.ts'
import { checkBucket, checkRedis, defaultNodeName, parseVaultKeys, readConfig, StartError } from './environment.ts'
import { startHealthServer } from './health-server.ts'
import { endAnyway, shutdownGraceMs, stopRoles, untilToldToStop } from './lifetime.ts'

export interface RoleOptions {
  readonly role: string
  readonly configFile: string
  readonly node?: string | undefined
  /** Whether this role may hold the vault key: a dispatcher may not, even where its environment has one. */
  readonly holdsVaultKey: boolean
  /** Whether this role writes or reads files. */
  readonly keepsFiles?: boolean
  readonly healthPort?: number | undefined
  readonly start: (runtime: Runtime) => Promise<RunningRole>
  /** Called when the role is at work. */
  readonly onReady?: (role: RunningRole) => void
}

/** The life of a process that has one role: read, check, start, run until told to stop, drain. */
export async function runRole(options: RoleOptions): Promise<void> {
  const node = options.node ?? defaultNodeName()
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'info', role: options.role, node })
  const config = await readConfig(options.configFile, log)
  const redis = config.redis.url?.reveal() ?? process.env.REDIS_URL
  if (!redis) {
    throw new StartError('No Redis: set redis.url or REDIS_URL. Only `sluice up` starts one of its own.')
  }
  await checkRedis(redis, log)
  const key = process.env.SLUICE_VAULT_KEY
  if (options.holdsVaultKey && !key) {
    throw new StartError(`The ${options.role} needs SLUICE_VAULT_KEY; make one with: openssl rand -base64 32`)
  }
  if (options.keepsFiles) await checkBucket(config, log)
  const vaultKey = options.holdsVaultKey && key ? parseVaultKeys(key, process.env) : null
  const telemetry = await startTelemetry({ role: options.role, node, env: process.env })
  const stopSignal = untilToldToStop()
  const adminKey = process.env.SLUICE_ADMIN_KEY || null
  const role = await options.start({ config, redis, vaultKey, adminKey, node, telemetry, log })
  const health =
    options.healthPort === undefined
      ? null
      : await startHealthServer({
          port: options.healthPort,
          host: config.server.host,
          role,
          metricsText: telemetry.metricsText,
        })
  log.info({ health_port: health?.port }, `${role.name} is ready`)
  options.onReady?.(role)
  const signal = await stopSignal
  log.info({ signal }, `${role.name} is stopping`)
  endAnyway(log)
  await stopRoles([role], shutdownGraceMs, log)
  health?.close()
  await telemetry.shutdown()
}
