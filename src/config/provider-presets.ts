/**
 * The providers that a deployment may name. A preset is an OpenAI-compatible upstream with a known base URL; paths
 * such as `/chat/completions` are appended to it. Each URL is the one that the provider's own documentation gives for
 * OpenAI clients.
 */
interface ProviderPreset {
  /** What speaks to the upstream. */
  readonly adapter: 'openai-compatible' | 'ollama' | 'sandbox'
  /** Used when the deployment names none. Null: the deployment must, or for the sandbox `sluice up` does. */
  readonly baseUrl: string | null
  /** Whether the upstream refuses every call without a key. */
  readonly needsKey: boolean
}

export const providerPresets = {
  'openai-compatible': { adapter: 'openai-compatible', baseUrl: null, needsKey: false },
  ollama: { adapter: 'ollama', baseUrl: 'http://127.0.0.1:11434', needsKey: false },
  sandbox: { adapter: 'sandbox', baseUrl: null, needsKey: false },
  openai: { adapter: 'openai-compatible', baseUrl: 'https://api.openai.com/v1', needsKey: true },
  // Anthropic calls this endpoint a way to test and compare its models, not its main API.
  anthropic: { adapter: 'openai-compatible', baseUrl: 'https://api.anthropic.com/v1', needsKey: true },
  groq: { adapter: 'openai-compatible', baseUrl: 'https://api.groq.com/openai/v1', needsKey: true },
  mistral: { adapter: 'openai-compatible', baseUrl: 'https://api.mistral.ai/v1', needsKey: true },
  deepseek: { adapter: 'openai-compatible', baseUrl: 'https://api.deepseek.com', needsKey: true },
  openrouter: { adapter: 'openai-compatible', baseUrl: 'https://openrouter.ai/api/v1', needsKey: true },
  together: { adapter: 'openai-compatible', baseUrl: 'https://api.together.ai/v1', needsKey: true },
  xai: { adapter: 'openai-compatible', baseUrl: 'https://api.x.ai/v1', needsKey: true },
} as const satisfies Record<string, ProviderPreset>

export type ProviderName = keyof typeof providerPresets

export const providerNames = Object.keys(providerPresets) as readonly ProviderName[]
