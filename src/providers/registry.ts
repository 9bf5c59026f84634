import type { CallTimeouts, Provider } from '../core/provider.ts'
import { createOllamaProvider } from './ollama.ts'
import { createOpenAiCompatibleProvider } from './openai-compatible.ts'
import type { UpstreamOptions } from './upstream-options.ts'

/** What the configuration knows about a deployment, as far as calling it goes. */
export interface ProviderDeployment {
  /** A key of the presets. */
  readonly provider: string
  readonly model: string
  readonly base_url?: string | undefined
  readonly api_key?: { reveal(): string } | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly timeouts: CallTimeouts
  /** How many calls may run at once. */
  readonly concurrency: number
}

/** Which adapter a provider's name stands for, and where it is if a deployment does not say. */
export type ProviderPresets = Readonly<
  Record<string, { readonly adapter: keyof typeof adapters; readonly baseUrl: string | null }>
>

const adapters = {
  'openai-compatible': createOpenAiCompatibleProvider,
  ollama: createOllamaProvider,
  // The sandbox answers in OpenAI's dialect.
  sandbox: createOpenAiCompatibleProvider,
} as const

/**
 * The provider that calls a deployment. Throws for a provider that no preset names, and where neither the deployment
 * nor the preset has a base URL: a checked configuration has neither.
 */
export function createProvider(deployment: ProviderDeployment, presets: ProviderPresets): Provider {
  const preset = Object.hasOwn(presets, deployment.provider) ? presets[deployment.provider] : undefined
  if (preset === undefined) throw new Error(`No provider is called ${deployment.provider}`)
  const baseUrl = deployment.base_url ?? preset.baseUrl
  if (baseUrl === null) throw new Error(`A deployment of ${deployment.provider} needs a base_url`)
  const { api_key: apiKey, headers } = deployment
  const options: UpstreamOptions = {
    baseUrl,
    model: deployment.model,
    timeouts: deployment.timeouts,
    connections: deployment.concurrency,
    ...(apiKey === undefined ? {} : { apiKey: () => apiKey.reveal() }),
    ...(headers === undefined ? {} : { headers }),
  }
  return adapters[preset.adapter](options)
}
