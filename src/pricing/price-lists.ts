/**
 * What vendors ask for their best-known models: US dollars per million tokens for the standard tier, models of text and of
 * embeddings only. Taken from two public collections that follow the vendors' pages, pydantic/genai-prices and
 * simonw/llm-prices, as of August 2026; where they differ, the higher price. Prices change: a deployment's own `price`
 * goes before these.
 *
 * A row is `[model, input, cached input, output, context window, most output tokens]`. Where a vendor publishes no price
 * for cached input it is the input price, where no limit on output, the context window. Some vendors ask more for very
 * long prompts (above 200,000 tokens and more); the rows hold the price below that, and a deployment that gets such
 * prompts sets its own `price`.
 */
export type PriceRow = readonly [
  model: string,
  input: number,
  cachedInput: number,
  output: number,
  contextWindow: number,
  maxOutputTokens: number,
]

export interface PriceList {
  /** The vendor's own page, to compare with. */
  readonly source: string
  /** How old the prices are: the day of the collections that they were taken from. */
  readonly checked: string
  /** What a call costs in the vendor's batch API, as a share of the price; 1 where there is none. */
  readonly batchFactor: number
  readonly rows: readonly PriceRow[]
}

const thousand = 1_000
const million = 1_000_000

const openai: PriceList = {
  source: 'https://developers.openai.com/api/docs/pricing',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['gpt-5.6-sol', 5, 0.5, 30, 1_050_000, 128_000],
    ['gpt-5.6-terra', 2, 0.2, 12, 1_050_000, 128_000],
    ['gpt-5.6-luna', 0.2, 0.02, 1.2, 1_050_000, 128_000],
    ['gpt-5.5', 5, 0.5, 30, 1_050_000, 128_000],
    ['gpt-5.5-pro', 30, 30, 180, 1_050_000, 128_000],
    ['gpt-5.4', 2.5, 0.25, 15, 1_050_000, 128_000],
    ['gpt-5.4-mini', 0.75, 0.075, 4.5, 400_000, 128_000],
    ['gpt-5.4-nano', 0.2, 0.02, 1.25, 400_000, 128_000],
    ['gpt-5.4-pro', 30, 30, 180, 1_050_000, 128_000],
    ['gpt-5.3-chat-latest', 1.75, 0.175, 14, 128_000, 16_384],
    ['gpt-5.3-codex', 1.75, 0.175, 14, 400_000, 128_000],
    ['gpt-5.2', 1.75, 0.175, 14, 400_000, 128_000],
    ['gpt-5.2-chat-latest', 1.75, 0.175, 14, 128_000, 16_384],
    ['gpt-5.2-codex', 1.75, 0.175, 14, 400_000, 128_000],
    ['gpt-5.2-pro', 21, 21, 168, 400_000, 128_000],
    ['gpt-5.1', 1.25, 0.125, 10, 400_000, 128_000],
    ['gpt-5.1-chat-latest', 1.25, 0.125, 10, 128_000, 16_384],
    ['gpt-5.1-codex', 1.25, 0.125, 10, 400_000, 128_000],
    ['gpt-5.1-codex-max', 1.25, 0.125, 10, 400_000, 128_000],
    ['gpt-5.1-codex-mini', 0.25, 0.025, 2, 400_000, 128_000],
    ['gpt-5', 1.25, 0.125, 10, 400_000, 128_000],
    ['gpt-5-chat-latest', 1.25, 0.125, 10, 128_000, 16_384],
    ['gpt-5-codex', 1.25, 0.125, 10, 400_000, 128_000],
    ['gpt-5-mini', 0.25, 0.025, 2, 400_000, 128_000],
    ['gpt-5-nano', 0.05, 0.005, 0.4, 400_000, 128_000],
    ['gpt-5-pro', 15, 15, 120, 400_000, 272_000],
    ['gpt-4.1', 2, 0.5, 8, 1_047_576, 32_768],
    ['gpt-4.1-mini', 0.4, 0.1, 1.6, 1_047_576, 32_768],
    ['gpt-4.1-nano', 0.1, 0.025, 0.4, 1_047_576, 32_768],
    ['gpt-4o', 2.5, 1.25, 10, 128_000, 16_384],
    ['gpt-4o-2024-05-13', 5, 5, 15, 128_000, 4_096],
    ['gpt-4o-mini', 0.15, 0.075, 0.6, 128_000, 16_384],
    ['gpt-4o-search-preview', 2.5, 2.5, 10, 128_000, 16_384],
    ['chatgpt-4o-latest', 5, 5, 15, 128_000, 16_384],
    ['gpt-4.5-preview', 75, 37.5, 150, 128_000, 16_384],
    ['gpt-4-turbo', 10, 10, 30, 128_000, 4_096],
    ['gpt-4', 30, 30, 60, 8_192, 8_192],
    ['gpt-3.5-turbo', 0.5, 0.5, 1.5, 16_385, 4_096],
    ['gpt-3.5-turbo-1106', 1, 1, 2, 16_385, 4_096],
    ['o1', 15, 7.5, 60, 200_000, 100_000],
    ['o1-pro', 150, 150, 600, 200_000, 100_000],
    ['o1-mini', 1.1, 0.55, 4.4, 128_000, 65_536],
    ['o1-preview', 15, 7.5, 60, 128_000, 32_768],
    ['o3', 2, 0.5, 8, 200_000, 100_000],
    ['o3-pro', 20, 20, 80, 200_000, 100_000],
    ['o3-mini', 1.1, 0.55, 4.4, 200_000, 100_000],
    ['o3-deep-research', 10, 2.5, 40, 200_000, 100_000],
    ['o4-mini', 1.1, 0.275, 4.4, 200_000, 100_000],
    ['o4-mini-deep-research', 2, 0.5, 8, 200_000, 100_000],
    ['codex-mini-latest', 1.5, 0.375, 6, 200_000, 100_000],
    // Embeddings: nothing is written, so nothing is paid for it.
    ['text-embedding-3-small', 0.02, 0.02, 0, 8_192, 0],
    ['text-embedding-3-large', 0.13, 0.13, 0, 8_192, 0],
    ['text-embedding-ada-002', 0.1, 0.1, 0, 8_192, 0],
  ],
}

const anthropic: PriceList = {
  source: 'https://www.anthropic.com/pricing#api',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['claude-fable-5', 10, 1, 50, million, 128_000],
    ['claude-opus-5', 5, 0.5, 25, million, 128_000],
    ['claude-sonnet-5', 3, 0.3, 15, million, 128_000],
    ['claude-opus-4-8', 5, 0.5, 25, million, 128_000],
    ['claude-opus-4-7', 5, 0.5, 25, million, 128_000],
    ['claude-opus-4-6', 5, 0.5, 25, million, 128_000],
    ['claude-sonnet-4-6', 3, 0.3, 15, million, 64_000],
    ['claude-opus-4-5', 5, 0.5, 25, 200_000, 64_000],
    ['claude-sonnet-4-5', 3, 0.3, 15, 200_000, 64_000],
    ['claude-haiku-4-5', 1, 0.1, 5, 200_000, 64_000],
    ['claude-opus-4-1', 15, 1.5, 75, 200_000, 32_000],
    ['claude-opus-4-0', 15, 1.5, 75, 200_000, 32_000],
    ['claude-opus-4', 15, 1.5, 75, 200_000, 32_000],
    ['claude-sonnet-4-0', 3, 0.3, 15, 200_000, 64_000],
    ['claude-sonnet-4', 3, 0.3, 15, 200_000, 64_000],
    ['claude-3-7-sonnet', 3, 0.3, 15, 200_000, 64_000],
    ['claude-3-5-sonnet', 3, 0.3, 15, 200_000, 8_192],
    ['claude-3-5-haiku', 0.8, 0.08, 4, 200_000, 8_192],
    ['claude-3-opus', 15, 1.5, 75, 200_000, 4_096],
    ['claude-3-haiku', 0.25, 0.03, 1.25, 200_000, 4_096],
  ],
}

const groq: PriceList = {
  source: 'https://groq.com/pricing/',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['llama-3.1-8b-instant', 0.05, 0.05, 0.08, 131_072, 131_072],
    ['llama-3.3-70b-versatile', 0.59, 0.59, 0.79, 131_072, 32_768],
    ['meta-llama/llama-4-scout-17b-16e-instruct', 0.11, 0.11, 0.34, 131_072, 8_192],
    ['meta-llama/llama-4-maverick-17b-128e-instruct', 0.2, 0.2, 0.6, 131_072, 8_192],
    ['meta-llama/llama-guard-4-12b', 0.2, 0.2, 0.2, 131_072, 1_024],
    ['openai/gpt-oss-120b', 0.15, 0.075, 0.6, 131_072, 65_536],
    ['openai/gpt-oss-20b', 0.075, 0.0375, 0.3, 131_072, 65_536],
    ['openai/gpt-oss-safeguard-20b', 0.075, 0.037, 0.3, 131_072, 65_536],
    ['qwen/qwen3-32b', 0.29, 0.29, 0.59, 131_072, 40_960],
    ['moonshotai/kimi-k2-instruct', 1, 0.5, 3, 131_072, 16_384],
    ['moonshotai/kimi-k2-instruct-0905', 1, 0.5, 3, 262_144, 16_384],
    ['deepseek-r1-distill-llama-70b', 0.75, 0.75, 0.99, 131_072, 131_072],
    ['gemma2-9b-it', 0.2, 0.2, 0.2, 8_192, 8_192],
  ],
}

const mistral: PriceList = {
  source: 'https://mistral.ai/pricing#api-pricing',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['mistral-large', 2, 2, 6, 262_144, 262_144],
    ['mistral-large-2512', 0.5, 0.05, 1.5, 262_144, 262_144],
    ['mistral-large-2411', 2, 2, 6, 131_072, 131_072],
    ['mistral-medium', 0.4, 0.4, 2, 131_072, 131_072],
    ['mistral-medium-2505', 0.4, 0.4, 2, 131_072, 131_072],
    ['mistral-medium-2508', 0.4, 0.04, 2, 131_072, 131_072],
    ['mistral-small', 0.15, 0.015, 0.6, 131_072, 131_072],
    ['mistral-small-2506', 0.1, 0.1, 0.3, 131_072, 131_072],
    ['mistral-small-2603', 0.15, 0.015, 0.6, 131_072, 131_072],
    ['ministral-3b', 0.1, 0.1, 0.1, 131_072, 131_072],
    ['ministral-3b-2512', 0.1, 0.01, 0.1, 262_144, 262_144],
    ['ministral-8b', 0.15, 0.15, 0.15, 131_072, 131_072],
    ['ministral-14b-2512', 0.2, 0.02, 0.2, 262_144, 262_144],
    ['magistral-medium', 2, 2, 5, 131_072, 131_072],
    ['magistral-small', 0.5, 0.5, 1.5, 131_072, 131_072],
    ['codestral', 0.3, 0.3, 0.9, 262_144, 262_144],
    ['codestral-2508', 0.3, 0.03, 0.9, 262_144, 262_144],
    ['devstral-2512', 0.4, 0.04, 2, 262_144, 262_144],
    ['open-mistral-nemo', 0.15, 0.15, 0.15, 131_072, 131_072],
    ['pixtral-large', 2, 2, 6, 131_072, 131_072],
    ['pixtral-12b', 0.15, 0.15, 0.15, 131_072, 131_072],
    ['mistral-embed', 0.1, 0.1, 0, 8_192, 0],
    ['codestral-embed', 0.15, 0.15, 0, 8_192, 0],
  ],
}

const deepseek: PriceList = {
  source: 'https://api-docs.deepseek.com/quick_start/pricing',
  checked: '2026-08-21',
  batchFactor: 1,
  rows: [
    ['deepseek-v4-flash', 0.14, 0.028, 0.28, million, 384 * thousand],
    ['deepseek-v4-pro', 1.74, 0.145, 3.48, million, 384 * thousand],
    ['deepseek-chat', 0.28, 0.07, 1.1, 131_072, 8_192],
    ['deepseek-reasoner', 0.55, 0.14, 2.19, 131_072, 65_536],
  ],
}

const together: PriceList = {
  source: 'https://www.together.ai/pricing',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['meta-llama/Llama-3.3-70B-Instruct-Turbo', 0.88, 0.88, 0.88, 131_072, 131_072],
    ['meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo', 3.5, 3.5, 3.5, 130_815, 130_815],
    ['meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo', 0.88, 0.88, 0.88, 131_072, 131_072],
    ['meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo', 0.18, 0.18, 0.18, 131_072, 131_072],
    ['meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8', 0.27, 0.27, 0.85, 1_048_576, 1_048_576],
    ['meta-llama/Llama-4-Scout-17B-16E-Instruct', 0.18, 0.18, 0.59, 1_048_576, 1_048_576],
    ['meta-llama/Meta-Llama-3-70B-Instruct-Turbo', 0.88, 0.88, 0.88, 8_192, 8_192],
    ['meta-llama/Meta-Llama-3-8B-Instruct-Lite', 0.1, 0.1, 0.1, 8_192, 8_192],
    ['openai/gpt-oss-120b', 0.15, 0.15, 0.6, 131_072, 131_072],
    ['mistralai/Mixtral-8x7B-Instruct-v0.1', 0.9, 0.9, 0.9, 32_768, 32_768],
  ],
}

const google: PriceList = {
  source: 'https://ai.google.dev/gemini-api/docs/pricing',
  checked: '2026-08-21',
  batchFactor: 0.5,
  rows: [
    ['gemini-3.7-flash', 1.5, 0.15, 7.5, 1_048_576, 65_536],
    ['gemini-3.6-flash', 1.5, 0.15, 7.5, 1_048_576, 65_536],
    ['gemini-3.5-flash', 1.5, 0.15, 9, 1_048_576, 65_536],
    ['gemini-3.5-flash-lite', 0.3, 0.03, 2.5, 1_048_576, 65_536],
    ['gemini-3.1-pro-preview', 2, 0.2, 12, 1_048_576, 65_536],
    ['gemini-3.1-flash-lite', 0.25, 0.025, 1.5, 1_048_576, 65_536],
    ['gemini-3-pro-preview', 2, 0.2, 12, 1_048_576, 65_536],
    ['gemini-3-flash-preview', 0.5, 0.05, 3, 1_048_576, 65_536],
    ['gemini-2.5-pro', 1.25, 0.125, 10, 1_048_576, 65_536],
    ['gemini-2.5-flash', 0.3, 0.03, 2.5, 1_048_576, 65_536],
    ['gemini-2.5-flash-lite', 0.1, 0.01, 0.4, 1_048_576, 65_536],
    ['gemini-2.0-flash', 0.1, 0.025, 0.4, 1_048_576, 8_192],
    ['gemini-2.0-flash-lite', 0.075, 0.075, 0.3, 1_048_576, 8_192],
    ['gemini-embedding-001', 0.15, 0.15, 0, 2_048, 0],
  ],
}

const xai: PriceList = {
  source: 'https://docs.x.ai/docs/models',
  checked: '2026-08-21',
  batchFactor: 1,
  rows: [
    ['grok-4.5', 2, 0.5, 6, 500_000, 500_000],
    ['grok-4.3', 1.25, 0.2, 2.5, million, million],
    ['grok-4.20', 1.25, 0.2, 2.5, million, million],
    ['grok-4', 3, 0.75, 15, 256_000, 256_000],
    ['grok-4-0709', 3, 0.75, 15, 256_000, 256_000],
    ['grok-4-1-fast-reasoning', 0.2, 0.05, 0.5, 2 * million, 2 * million],
    ['grok-4-1-fast-non-reasoning', 0.2, 0.05, 0.5, 2 * million, 2 * million],
    ['grok-4-fast-reasoning', 0.2, 0.05, 0.5, 2 * million, 2 * million],
    ['grok-4-fast-non-reasoning', 0.2, 0.05, 0.5, 2 * million, 2 * million],
    ['grok-code-fast-1', 0.2, 0.02, 1.5, 256_000, 256_000],
    ['grok-build-0.1', 1, 0.2, 2, 256_000, 256_000],
    ['grok-3', 3, 0.75, 15, 131_072, 131_072],
    ['grok-3-mini', 0.3, 0.075, 0.5, 131_072, 131_072],
  ],
}

const cohere: PriceList = {
  source: 'https://cohere.com/pricing',
  checked: '2026-08-21',
  batchFactor: 1,
  rows: [
    ['command-a', 2.5, 2.5, 10, 256_000, 8_000],
    ['command-r-plus', 2.5, 2.5, 10, 128_000, 4_000],
    ['command-r', 0.15, 0.15, 0.6, 128_000, 4_000],
    ['command-r7b', 0.0375, 0.0375, 0.15, 128_000, 4_000],
  ],
}

/** Open models, which OpenRouter sends to whoever is cheapest; models of other vendors have their vendor's price. */
const openrouter: PriceList = {
  source: 'https://openrouter.ai/models',
  checked: '2026-08-21',
  batchFactor: 1,
  rows: [
    ['deepseek/deepseek-v4-pro', 0.435, 0.435, 0.87, million, 384 * thousand],
    ['deepseek/deepseek-v3.2', 0.2288, 0.2288, 0.3432, 163_840, 65_536],
    ['deepseek/deepseek-r1-0528', 0.5, 0.5, 2.15, 163_840, 163_840],
    ['meta-llama/llama-3.3-70b-instruct', 0.1, 0.1, 0.32, 131_072, 131_072],
    ['meta-llama/llama-3.1-8b-instruct', 0.02, 0.02, 0.05, 131_072, 131_072],
    ['meta-llama/llama-4-maverick', 0.15, 0.15, 0.6, 1_048_576, 131_072],
    ['meta-llama/llama-4-scout', 0.08, 0.08, 0.3, 1_048_576, 131_072],
    ['moonshotai/kimi-k3', 3, 0.3, 15, 1_048_576, 1_048_576],
    ['moonshotai/kimi-k2.6', 0.95, 0.34, 4, 262_144, 262_144],
    ['openai/gpt-oss-120b', 0.15, 0.15, 0.6, 131_072, 131_072],
    ['openai/gpt-oss-20b', 0.075, 0.075, 0.3, 131_072, 131_072],
    ['qwen/qwen3-coder', 0.22, 0.22, 1.8, 262_144, 262_144],
    ['qwen/qwen3-max', 1.2, 1.2, 6, 262_144, 65_536],
    ['qwen/qwen3-32b', 0.1, 0.1, 0.3, 131_072, 131_072],
    ['z-ai/glm-5.2', 1.4, 0.26, 4.4, 1_048_576, 131_072],
    ['z-ai/glm-4.7', 0.4, 0.08, 1.75, 202_752, 131_072],
  ],
}

/** By provider, as deployments name them. */
export const priceLists: Readonly<Record<string, PriceList>> = {
  openai,
  anthropic,
  groq,
  mistral,
  deepseek,
  together,
  google,
  xai,
  cohere,
  openrouter,
}
