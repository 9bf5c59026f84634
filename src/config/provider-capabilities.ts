import { type Capability, capabilities } from '../core/capabilities.ts'
import type { ProviderName } from './provider-presets.ts'

/** What a request of the usual kind needs; every upstream for chat has it. */
const chat = ['chat', 'streaming', 'tools', 'tool_choice', 'json_object', 'json_schema'] as const

const without = (...lacking: readonly Capability[]): readonly Capability[] =>
  capabilities.filter((capability) => !lacking.includes(capability))

/**
 * What the API of a provider has a word for, and its adapter passes on. A model may do less: then the provider says so,
 * or the deployment's own `capabilities` do. Nothing is listed that an upstream would accept and ignore.
 */
const byProvider: Readonly<Record<ProviderName, readonly Capability[]>> = {
  // Somebody's own server, or a gateway: passed on as it is, for the upstream to judge.
  'openai-compatible': capabilities,
  litellm: capabilities,
  openai: capabilities,
  azure: without('files', 'web_search'),
  anthropic: without('embeddings', 'audio', 'logprobs', 'n', 'seed', 'json_object', 'web_search'),
  gemini: without('n', 'web_search'),
  bedrock: without('audio', 'logprobs', 'n', 'seed', 'json_object', 'web_search'),
  ollama: without('tool_choice', 'audio', 'files', 'n', 'web_search'),
  // Ignores what it does not know, as its answers say: it is no language model.
  sandbox: without('n', 'web_search'),
  groq: without('embeddings', 'audio', 'files', 'logprobs', 'n', 'web_search'),
  mistral: without('logprobs', 'files', 'reasoning', 'web_search'),
  deepseek: ['chat', 'streaming', 'tools', 'tool_choice', 'json_object', 'logprobs', 'reasoning'],
  openrouter: without('n'),
  // Its `logprobs` is a number.
  together: without('audio', 'files', 'logprobs', 'web_search'),
  xai: without('embeddings', 'audio', 'files', 'web_search'),
  fireworks: without('audio', 'files', 'web_search'),
  cerebras: [...chat, 'logprobs', 'seed', 'reasoning'],
  perplexity: ['chat', 'streaming', 'json_schema', 'images', 'reasoning', 'web_search'],
  nvidia: without('audio', 'files', 'n', 'web_search'),
  vllm: without('files', 'web_search'),
  'llama.cpp': without('files', 'n', 'web_search'),
  'lm-studio': without('tool_choice', 'json_object', 'audio', 'files', 'logprobs', 'n', 'web_search'),
  // Takes and ignores `tool_choice`, `response_format`, `n` and `reasoning_effort`; its `logprobs` have no tokens.
  mlx: ['chat', 'streaming', 'tools', 'seed'],
  localai: without('files', 'web_search'),
}

/** Models of embeddings have it in their names, nearly all of them; nobody can chat with one. */
const embeddingModel = /embed|(?:^|[/-])(?:bge|e5|gte)-|minilm/i

/** What a deployment can do that does not say so itself. */
export function usualCapabilities(provider: ProviderName, model: string): readonly Capability[] {
  const usual = byProvider[provider]
  if (!embeddingModel.test(model)) return usual
  return usual.filter((capability) => capability === 'embeddings')
}
