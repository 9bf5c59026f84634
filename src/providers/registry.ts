import type { DialectQuirks } from '../core/dialect.ts'
import type { CallTimeouts, Provider } from '../core/provider.ts'
import { createAnthropicProvider } from './anthropic.ts'
import { createAzureProvider } from './azure.ts'
import { type BedrockOptions, bedrockUrl, createBedrockProvider } from './bedrock.ts'
import { createGeminiProvider } from './gemini.ts'
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
  /** Of Azure's API. */
  readonly api_version?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly timeouts: CallTimeouts
  /** How many calls may run at once. */
  readonly concurrency: number
  /** How long Ollama keeps the model loaded after a call, in milliseconds; -1 for ever. */
  readonly keep_alive?: number | undefined
  /** The context that Ollama loads the model with, in tokens. */
  readonly num_ctx?: number | undefined
  /** Where Bedrock is called and as whom; without a key pair by `api_key`. */
  readonly aws?: AwsSettings | undefined
  /** What an answer may have where the request names no limit; Anthropic wants a number with every request. */
  readonly max_output_tokens?: number | undefined
  /** Set for a pool on the premises: what an upstream had answered by somebody's cloud is refused. */
  readonly isOnPremises?: boolean | undefined
}

interface AwsSettings {
  readonly region: string
  readonly access_key_id?: { reveal(): string } | undefined
  readonly secret_access_key?: { reveal(): string } | undefined
  readonly session_token?: { reveal(): string } | undefined
}

/** Which adapter a provider's name stands for, and where it is if a deployment does not say. */
export type ProviderPresets = Readonly<
  Record<
    string,
    { readonly adapter: keyof typeof adapters; readonly baseUrl: string | null; readonly quirks?: DialectQuirks }
  >
>

/** Where an upstream needs a limit with every request, the deployment's own goes before the usual one. */
function adjustQuirks(quirks: DialectQuirks, { max_output_tokens: most }: ProviderDeployment): DialectQuirks {
  if (quirks.usualOutputTokens === undefined || most === undefined) return quirks
  return { ...quirks, usualOutputTokens: most }
}

type CreateAdapter = (options: UpstreamOptions, deployment: ProviderDeployment) => Provider

const adapters = {
  'openai-compatible': createOpenAiCompatibleProvider,
  azure: (options, { api_version: apiVersion }) => createAzureProvider(options, apiVersion ?? null),
  ollama: (options, { keep_alive, num_ctx, isOnPremises }) =>
    createOllamaProvider({
      ...options,
      ...(keep_alive !== undefined && { keepAliveMs: keep_alive }),
      ...(num_ctx !== undefined && { contextTokens: num_ctx }),
      refuseRemote: isOnPremises === true,
    }),
  // The sandbox answers in OpenAI's dialect.
  sandbox: createOpenAiCompatibleProvider,
  anthropic: (options, { max_output_tokens: maxOutputTokens }) =>
    createAnthropicProvider({ ...options, ...(maxOutputTokens !== undefined && { maxOutputTokens }) }),
  gemini: createGeminiProvider,
  bedrock: (options, deployment) => createBedrockProvider(withAws(options, deployment)),
} as const satisfies Record<string, CreateAdapter>

/**
 * The provider that calls a deployment. Throws for a provider that no preset names, and where neither the deployment
 * nor the preset has a base URL: a checked configuration has neither.
 */
export function createProvider(deployment: ProviderDeployment, presets: ProviderPresets): Provider {
  const preset = Object.hasOwn(presets, deployment.provider) ? presets[deployment.provider] : undefined
  if (preset === undefined) throw new Error(`No provider is called ${deployment.provider}`)
  const { aws } = deployment
  const baseUrl = deployment.base_url ?? preset.baseUrl ?? (aws === undefined ? null : bedrockUrl(aws.region))
  if (baseUrl === null) throw new Error(`A deployment of ${deployment.provider} needs a base_url`)
  const { api_key: apiKey, headers } = deployment
  const { quirks } = preset
  const options: UpstreamOptions = {
    baseUrl,
    model: deployment.model,
    timeouts: deployment.timeouts,
    connections: deployment.concurrency,
    ...(apiKey === undefined ? {} : { apiKey: () => apiKey.reveal() }),
    ...(headers === undefined ? {} : { headers }),
    ...(quirks === undefined ? {} : { quirks: adjustQuirks(quirks, deployment) }),
  }
  const create: CreateAdapter = adapters[preset.adapter]
  return create(options, deployment)
}

function withAws(options: UpstreamOptions, deployment: ProviderDeployment): BedrockOptions {
  const { aws } = deployment
  if (aws === undefined) throw new Error('A deployment of bedrock needs aws.region')
  const { region, access_key_id: keyId, secret_access_key: secretKey, session_token: token } = aws
  const base = { ...options, region }
  if (keyId === undefined || secretKey === undefined) return base
  const credentials = () => ({
    accessKeyId: keyId.reveal(),
    secretAccessKey: secretKey.reveal(),
    ...(token === undefined ? {} : { sessionToken: token.reveal() }),
  })
  return { ...base, credentials }
}
