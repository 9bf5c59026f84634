/** What LiteLLM's prefixes of models are called here, and where what they name stands. */
import ipaddr from 'ipaddr.js'
import type { ProviderName } from '../provider-presets.ts'

/**
 * By prefix (docs.litellm.ai/docs/providers). Others are taken as OpenAI-compatible where they come with an `api_base`, and
 * are reported where not.
 */
const byPrefix: Readonly<Record<string, ProviderName>> = {
  openai: 'openai',
  azure: 'azure',
  anthropic: 'anthropic',
  gemini: 'gemini',
  bedrock: 'bedrock',
  bedrock_converse: 'bedrock',
  ollama: 'ollama',
  ollama_chat: 'ollama',
  groq: 'groq',
  mistral: 'mistral',
  deepseek: 'deepseek',
  openrouter: 'openrouter',
  together_ai: 'together',
  xai: 'xai',
  fireworks_ai: 'fireworks',
  cerebras: 'cerebras',
  perplexity: 'perplexity',
  nvidia_nim: 'nvidia',
  hosted_vllm: 'vllm',
  vllm: 'vllm',
  lm_studio: 'lm-studio',
  llamafile: 'openai-compatible',
  litellm_proxy: 'litellm',
  openai_like: 'openai-compatible',
  custom_openai: 'openai-compatible',
}

/** These have dialects of their own: an `api_base` does not make them OpenAI-compatible. */
const foreignDialects: ReadonlySet<string> = new Set([
  ...['vertex_ai', 'vertex_ai_beta', 'sagemaker', 'sagemaker_chat', 'watsonx', 'cohere', 'cohere_chat', 'replicate'],
  ...['huggingface', 'text-completion-openai', 'azure_text', 'predibase', 'nlp_cloud', 'palm', 'aleph_alpha', 'triton'],
  ...['petals', 'oobabooga', 'snowflake', 'oci', 'voyage', 'jina_ai', 'clarifai', 'cloudflare', 'maritalk', 'ai21'],
])

/** The variable that LiteLLM reads where no `api_key` is given. */
export const usualKeyVariable: Partial<Record<ProviderName, string>> = {
  openai: 'OPENAI_API_KEY',
  azure: 'AZURE_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  gemini: 'GEMINI_API_KEY',
  groq: 'GROQ_API_KEY',
  mistral: 'MISTRAL_API_KEY',
  deepseek: 'DEEPSEEK_API_KEY',
  openrouter: 'OPENROUTER_API_KEY',
  together: 'TOGETHERAI_API_KEY',
  xai: 'XAI_API_KEY',
  fireworks: 'FIREWORKS_AI_API_KEY',
  cerebras: 'CEREBRAS_API_KEY',
  perplexity: 'PERPLEXITYAI_API_KEY',
  nvidia: 'NVIDIA_NIM_API_KEY',
}

export type FoundUpstream =
  | { readonly provider: ProviderName; readonly model: string; readonly isGuess?: true }
  | { readonly problem: string }

/** Who serves `model`, a name such as `azure/my-gpt` or `gpt-4o`. */
export function findUpstream(model: string, custom: string | undefined, hasBase: boolean): FoundUpstream {
  const slash = model.indexOf('/')
  const prefix = slash > 0 ? model.slice(0, slash) : ''
  const rest = model.slice(slash + 1)
  if (custom !== undefined) return byName(custom, prefix === custom ? rest : model, hasBase)
  if (Object.hasOwn(byPrefix, prefix) || foreignDialects.has(prefix)) return byName(prefix, rest, hasBase)
  const guess = guessProvider(model)
  if (guess) return { provider: guess, model }
  if (slash > 0) return byName(prefix, rest, hasBase)
  return { problem: `has no prefix, and nothing tells who serves ${model}` }
}

function byName(name: string, model: string, hasBase: boolean): FoundUpstream {
  if (name === 'bedrock')
    return { provider: 'bedrock', model: model.replace(/^(?:converse|converse_like|invoke)\//, '') }
  const provider = Object.hasOwn(byPrefix, name) ? byPrefix[name] : undefined
  if (provider) return { provider, model }
  if (hasBase && !foreignDialects.has(name)) return { provider: 'openai-compatible', model, isGuess: true }
  return { problem: `there is no provider for ${name}/` }
}

/** As LiteLLM does where a name has no prefix. */
function guessProvider(model: string): ProviderName | null {
  if (/^(?:ft:)?(?:gpt-|chatgpt-|o[1345](?:-|$)|text-embedding-|davinci-|babbage-)/.test(model)) return 'openai'
  if (/^claude-/.test(model)) return 'anthropic'
  return null
}

/**
 * Whether a host can only be in the house: a private or loopback address, a name without dots as containers have it, or
 * under a domain that is set aside for private use.
 */
export function isInHouse(url: string): boolean {
  const parsed = URL.parse(url)
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return false
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(host)) {
    return ['private', 'loopback', 'linkLocal', 'uniqueLocal', 'unspecified'].includes(ipaddr.process(host).range())
  }
  return host === 'localhost' || !host.includes('.') || /\.(?:local|localhost|internal|lan|home\.arpa)$/i.test(host)
}
