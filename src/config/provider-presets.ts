import type { DialectQuirks } from '../core/dialect.ts'

/**
 * The providers that a deployment may name. A preset is an upstream with a known dialect and, mostly, a known base URL;
 * paths such as `/chat/completions` are appended to it. Each URL is the one that the provider's own documentation gives.
 */
interface ProviderPreset {
  /** What speaks to the upstream. */
  readonly adapter: 'openai-compatible' | 'azure' | 'ollama' | 'anthropic' | 'gemini' | 'bedrock' | 'sandbox'
  /** Used when the deployment names none. Null: the deployment must, or for the sandbox `sluice up` does. */
  readonly baseUrl: string | null
  /** Whether the upstream refuses every call without a key. */
  readonly needsKey: boolean
  /** Where it differs from OpenAI's dialect; docs/providers.md says which page or source says so. */
  readonly quirks?: DialectQuirks
}

/** A cloud. */
const openAi = (baseUrl: string | null, quirks: DialectQuirks = {}) =>
  ({
    adapter: 'openai-compatible',
    baseUrl,
    needsKey: true,
    quirks: { messages: 'known', serviceTiers: [], ...quirks },
  }) as const
/** Servers that people run themselves: mostly without a key, and with chat templates that know no `developer`. */
const selfHosted = (baseUrl: string | null, quirks: DialectQuirks = {}) =>
  ({
    adapter: 'openai-compatible',
    baseUrl,
    needsKey: false,
    quirks: { hasNoDeveloper: true, serviceTiers: [], ...quirks },
  }) as const

export const providerPresets = {
  'openai-compatible': { adapter: 'openai-compatible', baseUrl: null, needsKey: false },
  ollama: { adapter: 'ollama', baseUrl: 'http://127.0.0.1:11434', needsKey: false },
  sandbox: { adapter: 'sandbox', baseUrl: null, needsKey: false },
  anthropic: { adapter: 'anthropic', baseUrl: 'https://api.anthropic.com/v1', needsKey: true },
  gemini: { adapter: 'gemini', baseUrl: 'https://generativelanguage.googleapis.com/v1beta', needsKey: true },
  bedrock: { adapter: 'bedrock', baseUrl: null, needsKey: false },
  azure: {
    adapter: 'azure',
    baseUrl: null,
    needsKey: true,
    quirks: { messages: 'known', thoughts: 'none', serviceTiers: ['auto', 'default', 'priority'] },
  },
  openai: openAi('https://api.openai.com/v1', {
    outputLimit: 'max_completion_tokens',
    thoughts: 'none',
    serviceTiers: ['auto', 'default', 'flex', 'priority', 'scale', 'fast'],
  }),
  groq: openAi('https://api.groq.com/openai/v1', {
    messages: 'strict',
    thoughts: 'reasoning',
    hints: ['user'],
    serviceTiers: ['auto', 'on_demand', 'flex', 'performance'],
    hasNoEmbeddings: true,
  }),
  mistral: openAi('https://api.mistral.ai/v1', {
    outputLimit: 'max_tokens',
    streamUsage: 'unasked',
    seed: 'random_seed',
    hasNoDeveloper: true,
    messages: 'strict',
    thoughts: 'none',
    hints: ['prediction'],
  }),
  deepseek: openAi('https://api.deepseek.com', {
    outputLimit: 'max_tokens',
    hasNoDeveloper: true,
    hasNoEmbeddings: true,
  }),
  // Hands marks for caches on to those who know them.
  openrouter: { adapter: 'openai-compatible', baseUrl: 'https://openrouter.ai/api/v1', needsKey: true },
  together: openAi('https://api.together.ai/v1', { outputLimit: 'max_tokens', hasNoDeveloper: true }),
  xai: openAi('https://api.x.ai/v1', { hasNoEmbeddings: true }),
  fireworks: openAi('https://api.fireworks.ai/inference/v1', { hasNoDeveloper: true }),
  cerebras: openAi('https://api.cerebras.ai/v1', {
    outputLimit: 'max_completion_tokens',
    messages: 'strict',
    thoughts: 'reasoning',
    hints: ['user'],
    hasNoEmbeddings: true,
  }),
  perplexity: openAi('https://api.perplexity.ai', {
    outputLimit: 'max_tokens',
    streamUsage: 'unasked',
    hasNoDeveloper: true,
    thoughts: 'none',
    hasNoEmbeddings: true,
  }),
  nvidia: openAi('https://integrate.api.nvidia.com/v1', { outputLimit: 'max_tokens', hasNoDeveloper: true }),
  vllm: selfHosted('http://127.0.0.1:8000/v1'),
  'llama.cpp': selfHosted('http://127.0.0.1:8080/v1'),
  'lm-studio': selfHosted('http://127.0.0.1:1234/v1', { outputLimit: 'max_tokens' }),
  mlx: selfHosted('http://127.0.0.1:8080/v1', {
    outputLimit: 'max_tokens',
    usualOutputTokens: 4_096,
    refusesNull: true,
    hasNoEmbeddings: true,
    notFoundMeansFailed: true,
  }),
  localai: selfHosted('http://127.0.0.1:8080/v1', { outputLimit: 'max_tokens' }),
  litellm: { adapter: 'openai-compatible', baseUrl: 'http://127.0.0.1:4000/v1', needsKey: false },
} as const satisfies Record<string, ProviderPreset>

export type ProviderName = keyof typeof providerPresets

export const providerNames = Object.keys(providerPresets) as readonly ProviderName[]
