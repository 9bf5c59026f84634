import type { ProviderName } from '../../src/config/provider-presets.ts'

/** What upstreams write of their own into answers, beyond what OpenAI describes: it is handed on as it is. */
const names: Readonly<Partial<Record<ProviderName, readonly string[]>>> = {
  azure: ['prompt_filter_results', 'content_filter_results'],
  groq: ['x_groq', 'queue_time', 'total_time'],
  mistral: ['prefix'],
  deepseek: ['prompt_cache_hit_tokens', 'prompt_cache_miss_tokens'],
  openrouter: ['provider', 'native_finish_reason', 'reasoning', 'cost'],
  together: ['prompt', 'seed'],
  fireworks: ['raw_output'],
  cerebras: ['time_info'],
  perplexity: ['citations', 'search_results', 'search_context_size'],
  nvidia: ['prompt_logprobs', 'stop_reason'],
  vllm: ['prompt_logprobs', 'stop_reason'],
  'llama.cpp': ['timings'],
  'lm-studio': ['stats'],
  mlx: ['reasoning'],
  litellm: ['provider_specific_fields', 'cache_read_input_tokens'],
}

/** Perplexity repeats the whole message in every chunk. */
const chunkNames: Readonly<Partial<Record<ProviderName, readonly string[]>>> = { perplexity: ['message'] }

/** An answer, or a chunk of one, without what its upstream added. */
export function withoutExtras(provider: string, answer: unknown, isChunk = false): unknown {
  const name = provider as ProviderName
  const extras = new Set([...(names[name] ?? []), ...((isChunk && chunkNames[name]) || [])])
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) => (extras.has(key) ? undefined : value))
}

export function extrasOf(provider: string): readonly string[] {
  return names[provider as ProviderName] ?? []
}
