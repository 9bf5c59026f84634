import { startLinkedDispatcher } from '../compose/dispatcher.ts'
import { createHttpsLink } from '../compose/https-link.ts'
import { createLogger } from '../telemetry/logger.ts'
import { startTelemetry } from '../telemetry/tracing.ts'
import { defaultNodeName, readConfig, StartError } from './environment.ts'
import { startHealthServer } from './health-server.ts'
import { endAnyway, shutdownGraceMs, stopRoles, untilToldToStop } from './lifetime.ts'
import { completeConfig } from './node-config.ts'

export interface NodeOptions {
  /** `https://host[:port][/prefix]`. */
  readonly broker: string
  readonly pool: string
  /** Takes a broker that is neither HTTPS nor on this machine. */
  readonly isInsecure: boolean
  /** A configuration of its own; that of the broker unless given. */
  readonly configFile?: string | undefined
  readonly concurrency?: number | undefined
  readonly node?: string | undefined
  readonly healthPort?: number | undefined
}

const healthHost = '127.0.0.1'

/** The life of a dispatcher that has no Redis: ask the broker, start, run until told to stop, drain. */
export async function runNode(options: NodeOptions): Promise<void> {
  const node = options.node ?? defaultNodeName()
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'info', role: 'dispatcher', node })
  const broker = requireBrokerUrl(options)
  const token = process.env.SLUICE_NODE_TOKEN?.trim()
  if (!token) throw new StartError('No node token: set SLUICE_NODE_TOKEN to one of the pool’s node_tokens.')
  const own = options.configFile === undefined ? null : await readConfig(options.configFile, log)
  const link = await createHttpsLink({ broker, token, pool: options.pool, node, log }).catch((error: unknown) => {
    throw new StartError(`${broker}: ${error instanceof Error ? error.message : 'no answer'}`)
  })
  const config = own ?? completeConfig(link.offered, process.env)
  const telemetry = await startTelemetry({ role: 'dispatcher', node, env: process.env })
  const stopSignal = untilToldToStop()
  const role = await startLinkedDispatcher({ config, telemetry, log, node }, link, options)
  const { metricsText } = telemetry
  // The node itself listens to nobody: only where the operator wants to look at it from this machine.
  const health =
    options.healthPort === undefined
      ? null
      : await startHealthServer({ port: options.healthPort, host: own?.server.host ?? healthHost, role, metricsText })
  log.info({ health_port: health?.port, broker: new URL(broker).origin }, `${role.name} is ready`)
  const signal = await stopSignal
  log.info({ signal }, `${role.name} is stopping`)
  endAnyway(log)
  await stopRoles([role], shutdownGraceMs, log)
  health?.close()
  await telemetry.shutdown()
}

/** @throws StartError */
function requireBrokerUrl({ broker, isInsecure }: NodeOptions): string {
  const url = URL.parse(broker)
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new StartError('--broker must be an https:// URL without user, password, query or fragment.')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !isInsecure) {
    throw new StartError(
      'The broker’s URL is http://: token, prompts and answers could be read on their way. Use https://, or --insecure in a network that you trust.',
    )
  }
  return broker.replace(/\/+$/, '')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
