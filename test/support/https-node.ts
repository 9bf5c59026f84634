import { startLinkedDispatcher } from '../../src/compose/dispatcher.ts'
import { createHttpsLink } from '../../src/compose/https-link.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { completeConfig } from '../../src/process/node-config.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'

export const nodeToken = 'node-token-studio-0123456789'
export const cloudNodeToken = 'node-token-cloud-0123456789'

/** Pools that take nodes over HTTPS. */
export const httpsPools: ConfigInput['pools'] = {
  studio: { residency: 'onprem', node_tokens: [nodeToken] },
  cloud: { residency: 'cloud', node_tokens: [cloudNodeToken] },
}

export interface HttpsNode extends AsyncDisposable {
  /** All that was logged so far, debug lines included. */
  logText(): string
  stop(graceMs: number): Promise<void>
}

/** A node in this process that knows nothing but the broker's address and a token. */
export async function startHttpsNode(
  broker: string,
  options: { node?: string; pool?: 'studio' | 'cloud'; token?: string; concurrency?: number } = {},
): Promise<HttpsNode> {
  const { node = 'mac-1', pool = 'studio', token = nodeToken, concurrency } = options
  const logged: string[] = []
  const log = createLogger({ level: 'debug', role: 'dispatcher', node }, { write: (line) => logged.push(line) })
  const telemetry = await startTelemetry({ role: 'dispatcher', node, env: {} })
  const link = await createHttpsLink({ broker, token, pool, node, log })
  const config = completeConfig(link.offered, {})
  const role = await startLinkedDispatcher({ config, telemetry, log, node }, link, { pool, concurrency })
  let stopped: Promise<void> | null = null
  const stop = (graceMs: number) => {
    stopped ??= role.stop(graceMs).finally(() => telemetry.shutdown())
    return stopped
  }
  return { logText: () => logged.join(''), stop, [Symbol.asyncDispose]: () => stop(500) }
}
