/**
 * Answers as the upstreams behind the presets write them, each with what it has of its own: fields, counts, comments,
 * and the way its streams end. Shapes are those of their API references and, for servers, of their sources; ids, texts
 * and numbers are made up.
 */
import type { ProviderName } from '../../src/config/provider-presets.ts'

export interface DialectSample {
  /** The answer of a waiting call. */
  readonly waiting: object
  /** The text of a stream. */
  readonly stream: string
  readonly text: string
  readonly reasoning?: string
  readonly finish: string
  readonly usage: {
    readonly prompt: number
    readonly completion: number
    readonly cached?: number
    readonly reasoned?: number
  }
}

const record = (chunk: object) => `data: ${JSON.stringify(chunk)}\n\n`
const done = 'data: [DONE]\n\n'
const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'm' }
const delta = (fields: object, finish_reason: string | null = null, extra: object = {}) =>
  record({ ...head, choices: [{ index: 0, delta: fields, finish_reason, ...extra }] })
const role = delta({ role: 'assistant', content: '' })

const text = 'Grüße aus 東京 👩‍🚀!'
const pieces = ['Grüße', ' aus 東京', ' 👩‍🚀!']
const contents = pieces.map((content) => delta({ content })).join('')
const counts = { prompt_tokens: 12, completion_tokens: 8, total_tokens: 20 }
const usage = { prompt: 12, completion: 8 }

function answer(message: object = {}, fields: object = {}, choice: object = {}): object {
  const { object: _object, ...rest } = head
  return {
    ...rest,
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', content: text, ...message }, finish_reason: 'stop', ...choice },
    ],
    usage: counts,
    ...fields,
  }
}

const usageChunk = (fields: object = counts) => record({ ...head, choices: [], usage: fields })
const plain: DialectSample = {
  waiting: answer(),
  stream: role + contents + delta({}, 'stop') + usageChunk() + done,
  text,
  finish: 'stop',
  usage,
}

const safe = { hate: { filtered: false, severity: 'safe' }, violence: { filtered: false, severity: 'safe' } }
const promptFilter = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: safe }] }
/** The first chunk has no choices, and nothing in its head; filters speak in chunks of their own. */
const azure: DialectSample = {
  waiting: answer({}, promptFilter, { content_filter_results: safe }),
  stream:
    record({ id: '', object: '', created: 0, model: '', choices: [], ...promptFilter }) +
    role +
    pieces.map((content) => delta({ content }, null, { content_filter_results: safe, logprobs: null })).join('') +
    delta({}, 'stop', { content_filter_results: {} }) +
    usageChunk() +
    done,
  text,
  finish: 'stop',
  usage,
}

/** Tells the usage of a stream in `x_groq` of the last chunk as well. */
const groq: DialectSample = {
  waiting: answer({}, { usage: { queue_time: 0.02, ...counts, total_time: 0.1 }, x_groq: { id: 'req_1' } }),
  stream:
    record({ ...head, choices: [{ index: 0, delta: { role: 'assistant', content: '' } }], x_groq: { id: 'req_1' } }) +
    contents +
    record({
      ...head,
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      x_groq: { id: 'req_1', usage: counts },
    }) +
    done,
  text,
  finish: 'stop',
  usage,
}

/** Puts the usage into the chunk that has the finish reason, unasked. */
const mistral: DialectSample = {
  waiting: answer({ tool_calls: null, prefix: false }),
  stream: `${role}${contents}${record({
    ...head,
    usage: { ...counts, prompt_tokens_details: { cached_tokens: 4 } },
    choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop' }],
  })}${done}`,
  text,
  finish: 'stop',
  usage: { ...usage, cached: 4 },
}

const deepseekCounts = {
  ...counts,
  prompt_cache_hit_tokens: 8,
  prompt_cache_miss_tokens: 4,
  completion_tokens_details: { reasoning_tokens: 3 },
}
/** Keeps the connection alive by comments and blank lines; thinks in `reasoning_content`. */
const deepseek: DialectSample = {
  waiting: answer({ reasoning_content: 'Hm, a greeting.' }, { usage: deepseekCounts }),
  stream:
    `: keep-alive\n\n${delta({ role: 'assistant', content: null, reasoning_content: '' })}` +
    `${delta({ content: null, reasoning_content: 'Hm, a' })}: keep-alive\n\n` +
    delta({ content: null, reasoning_content: ' greeting.' }) +
    contents +
    record({ ...head, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop' }], usage: deepseekCounts }) +
    done,
  text,
  reasoning: 'Hm, a greeting.',
  finish: 'stop',
  usage: { ...usage, cached: 8, reasoned: 3 },
}

const openRouterCounts = { ...counts, cost: 0.00014, completion_tokens_details: { reasoning_tokens: 2 } }
const openRouterChunk = (fields: object, finish: string | null = null) =>
  record({
    ...head,
    provider: 'Somebody',
    choices: [{ index: 0, delta: fields, finish_reason: finish, native_finish_reason: finish, logprobs: null }],
  })
const openrouter: DialectSample = {
  waiting: answer({ refusal: null, reasoning: 'Hm.' }, { provider: 'Somebody', usage: openRouterCounts }),
  stream:
    `: OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n${openRouterChunk({ role: 'assistant', content: '', reasoning: 'Hm.' })}` +
    pieces.map((content) => openRouterChunk({ role: 'assistant', content })).join('') +
    openRouterChunk({ role: 'assistant', content: '' }, 'stop') +
    record({
      ...head,
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
      usage: openRouterCounts,
    }) +
    done,
  text,
  finish: 'stop',
  usage: { ...usage, reasoned: 2 },
}

const xaiCounts = {
  prompt_tokens: 12,
  completion_tokens: 8,
  total_tokens: 25,
  completion_tokens_details: { reasoning_tokens: 5 },
}
/** Counts reasoning on top of the completion. */
const xai: DialectSample = {
  waiting: answer({ refusal: null, reasoning_content: 'Hm.' }, { usage: xaiCounts }),
  stream: role + contents + delta({}, 'stop') + usageChunk(xaiCounts) + done,
  text,
  finish: 'stop',
  usage: { prompt: 12, completion: 13, reasoned: 5 },
}

const perplexityChunk = (content: string, finish: string | null) =>
  record({
    ...head,
    object: 'chat.completion.chunk',
    citations: ['https://example.com/a'],
    search_results: [{ title: 'A', url: 'https://example.com/a' }],
    usage: { ...counts, search_context_size: 'low' },
    choices: [
      {
        index: 0,
        delta: { role: 'assistant', content },
        message: { role: 'assistant', content: text },
        finish_reason: finish,
      },
    ],
  })
/** Every chunk has usage, citations, and the whole message so far; nothing says `[DONE]`. */
const perplexity: DialectSample = {
  waiting: answer({}, { citations: ['https://example.com/a'] }),
  stream: pieces.map((piece) => perplexityChunk(piece, null)).join('') + perplexityChunk('', 'stop'),
  text,
  finish: 'stop',
  usage,
}

/** CRLF line ends and a last line that nothing follows. */
const togetherStream = (role + contents + delta({}, 'eos') + usageChunk() + done).replaceAll('\n', '\r\n').trimEnd()
const together: DialectSample = {
  waiting: answer({ tool_calls: [] }, { prompt: [] }, { seed: 7, finish_reason: 'eos' }),
  stream: togetherStream,
  text,
  finish: 'eos',
  usage,
}

const timings = { prompt_n: 12, prompt_ms: 31.2, predicted_n: 8, predicted_ms: 120.5 }
const llamaCpp: DialectSample = {
  waiting: answer({}, { system_fingerprint: 'b1-abc', timings }),
  stream:
    delta({ role: 'assistant', content: null }) +
    contents +
    delta({}, 'stop') +
    record({ ...head, choices: [], usage: counts, timings }) +
    done,
  text,
  finish: 'stop',
  usage,
}

const vllm: DialectSample = {
  waiting: answer(
    { refusal: null, reasoning_content: 'Hm.', tool_calls: [] },
    { prompt_logprobs: null },
    { stop_reason: null },
  ),
  stream:
    role +
    delta({ reasoning_content: 'Hm.' }) +
    contents +
    delta({ content: '' }, 'stop', { stop_reason: null }) +
    usageChunk() +
    done,
  text,
  reasoning: 'Hm.',
  finish: 'stop',
  usage,
}

const mlxCounts = { ...counts, prompt_tokens_details: { cached_tokens: 3 } }
/** Says how far it has read the prompt in comments; thinks in `reasoning`; usage comes as a `chat.completion`. */
const mlx: DialectSample = {
  waiting: answer({ reasoning: 'Hm.' }, { usage: mlxCounts }),
  stream:
    `: keepalive 0/12\n\n: keepalive 8/12\n\n${delta({ role: 'assistant', reasoning: 'Hm.' })}` +
    pieces.map((content) => delta({ role: 'assistant', content })).join('') +
    delta({ role: 'assistant' }, 'stop') +
    record({ ...head, object: 'chat.completion', choices: [], usage: mlxCounts }) +
    done,
  text,
  finish: 'stop',
  usage: { ...usage, cached: 3 },
}

/** A gateway that hands on what Anthropic's models say, cache counts included. */
const litellmCounts = { ...counts, cache_read_input_tokens: 6, prompt_tokens_details: { cached_tokens: 6 } }
const litellm: DialectSample = {
  waiting: answer(
    { tool_calls: null, function_call: null, provider_specific_fields: { refusal: null } },
    { usage: litellmCounts },
  ),
  stream: role + contents + delta({}, 'stop') + usageChunk(litellmCounts) + done,
  text,
  finish: 'stop',
  usage: { ...usage, cached: 6 },
}

type OpenAiPreset = Exclude<ProviderName, 'ollama' | 'anthropic' | 'gemini' | 'bedrock'>

export const dialectSamples: Readonly<Record<OpenAiPreset, DialectSample>> = {
  'openai-compatible': plain,
  sandbox: plain,
  openai: {
    ...plain,
    waiting: answer({ refusal: null, annotations: [] }, { service_tier: 'default', system_fingerprint: 'fp_1' }),
    stream: plain.stream.replaceAll(
      '"finish_reason":null}]',
      '"finish_reason":null}],"usage":null,"obfuscation":"x7Y"',
    ),
  },
  azure,
  groq,
  mistral,
  deepseek,
  openrouter,
  together,
  xai,
  fireworks: { ...plain, waiting: answer({}, { raw_output: null }) },
  cerebras: { ...plain, waiting: answer({}, { time_info: { queue_time: 0.001, total_time: 0.02 } }) },
  perplexity,
  nvidia: vllm,
  vllm,
  'llama.cpp': llamaCpp,
  'lm-studio': { ...plain, waiting: answer({ tool_calls: [] }, { stats: {}, system_fingerprint: 'm' }) },
  mlx,
  localai: { ...plain, stream: plain.stream.replace(role, delta({ role: 'assistant', content: null })) },
  litellm,
}
