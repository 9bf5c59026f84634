import { isCloudTag } from '../core/ollama-cloud.ts'
import { providerPresets } from './provider-presets.ts'
import type { DeploymentConfig } from './schema-models.ts'

/** Hosts of the clouds that the presets name. */
const cloudHosts: ReadonlySet<string> = new Set(
  Object.values(providerPresets).flatMap(({ baseUrl }) => {
    const url = baseUrl === null ? null : URL.parse(baseUrl)
    return url?.protocol === 'https:' ? [url.hostname] : []
  }),
)

interface Upstream extends Pick<DeploymentConfig, 'provider' | 'model'> {
  readonly base_url?: string | undefined
}

/**
 * Whether what a deployment is sent leaves the house wherever its dispatcher runs: one of the known clouds, or a model that
 * Ollama hands on to its own cloud. Another URL is the operator's own business: a proxy in the house looks like any other.
 */
export function leavesPremises({ provider, model, base_url: baseUrl }: Upstream): boolean {
  if (provider === 'bedrock' || provider === 'azure') return true
  if (provider === 'ollama' && isCloudTag(model)) return true
  const url = baseUrl ?? providerPresets[provider].baseUrl
  const host = url === null ? undefined : URL.parse(url)?.hostname
  return host !== undefined && (cloudHosts.has(host) || /(?:^|\.)ollama\.com$/.test(host))
}
