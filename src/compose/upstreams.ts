import type { DeploymentConfig } from '../config/schema-models.ts'
import { usualConcurrency } from '../core/concurrency.ts'
import type { Provider } from '../core/provider.ts'
import type { Residency } from '../core/vocabulary.ts'
import type { Upstream } from '../pipeline/dispatch-deps.ts'
import { createProvider } from '../providers/registry.ts'
import { presets } from './runtime.ts'
import { tariffOf } from './tariffs.ts'

/** Connections of a pool are opened when they are needed, so a few too many cost nothing. */
const leastConnections = 16

/** The adapter that calls a deployment. */
export function providerOf(deployment: DeploymentConfig, residency: Residency): Provider {
  const { connect: connectMs, first_byte: firstByteMs, idle: idleMs, total: totalMs } = deployment.timeouts
  const headers = Object.entries(deployment.headers ?? {}).map(([name, value]) => [name, value.reveal()])
  return createProvider(
    {
      ...deployment,
      headers: Object.fromEntries(headers),
      timeouts: { connectMs, firstByteMs, idleMs, totalMs },
      concurrency: Math.max(leastConnections, deployment.concurrency ?? usualConcurrency(deployment.provider)),
      max_output_tokens: tariffOf(deployment).maxOutputTokens,
      isOnPremises: residency === 'onprem',
    },
    presets,
  )
}

/** What a dispatcher needs to know of a deployment to call it. */
export function upstreamOf(deployment: DeploymentConfig, provider: Provider): Upstream {
  const { price, maxOutputTokens } = tariffOf(deployment)
  return {
    run: (work) => work(provider),
    price,
    maxOutputTokens,
    outputLimitField:
      deployment.provider === 'openai' || deployment.provider === 'azure' ? 'max_completion_tokens' : 'max_tokens',
  }
}
