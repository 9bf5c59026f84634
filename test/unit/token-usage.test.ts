import { describe, expect, it } from 'vitest'
import { ChatAssembler, readTokenUsage } from '../../src/core/chat-assembler.ts'
import { costOf } from '../../src/core/pricing.ts'

const price = { input: 1_000_000, cachedInput: 100_000, output: 4_000_000, reasoning: 4_000_000 }

/** `usage` as each provider's API reference shows it, what is read of it, and what that costs in micro-USD. */
const dialects: readonly (readonly [string, unknown, unknown, number])[] = [
  [
    'OpenAI, with a cached prompt and reasoning',
    {
      prompt_tokens: 2006,
      completion_tokens: 300,
      total_tokens: 2306,
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 192, audio_tokens: 0, accepted_prediction_tokens: 0 },
    },
    { prompt_tokens: 2006, completion_tokens: 300, total_tokens: 2306, cached: 1920, reasoning: 192 },
    1478,
  ],
  [
    'DeepSeek',
    {
      prompt_tokens: 1000,
      completion_tokens: 100,
      total_tokens: 1100,
      prompt_cache_hit_tokens: 896,
      prompt_cache_miss_tokens: 104,
      completion_tokens_details: { reasoning_tokens: 60 },
    },
    { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100, cached: 896, reasoning: 60 },
    594,
  ],
  [
    'Groq',
    {
      queue_time: 0.1,
      prompt_tokens: 400,
      prompt_time: 0.01,
      completion_tokens: 20,
      completion_time: 0.02,
      total_tokens: 420,
      total_time: 0.03,
      prompt_tokens_details: { cached_tokens: 256 },
    },
    { prompt_tokens: 400, completion_tokens: 20, total_tokens: 420, cached: 256 },
    250,
  ],
  [
    'OpenRouter',
    {
      prompt_tokens: 194,
      completion_tokens: 2,
      total_tokens: 196,
      cost: 0.00095,
      prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 100 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
    { prompt_tokens: 194, completion_tokens: 2, total_tokens: 196, cached: 0, reasoning: 0 },
    202,
  ],
  [
    'vLLM without details',
    { prompt_tokens: 7, total_tokens: 17, completion_tokens: 10, prompt_tokens_details: null },
    { prompt_tokens: 7, completion_tokens: 10, total_tokens: 17 },
    47,
  ],
  [
    'Moonshot',
    { prompt_tokens: 50, completion_tokens: 5, total_tokens: 55, cached_tokens: 30 },
    { prompt_tokens: 50, completion_tokens: 5, total_tokens: 55, cached: 30 },
    43,
  ],
  [
    'xAI, which counts reasoning on top',
    {
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      prompt_tokens_details: { cached_tokens: 6 },
      completion_tokens_details: { reasoning_tokens: 94 },
    },
    { prompt_tokens: 32, completion_tokens: 103, total_tokens: 135, cached: 6, reasoning: 94 },
    439,
  ],
  [
    'more parts than a whole',
    { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 90 } },
    { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11, cached: 10 },
    5,
  ],
]

describe('token usage', () => {
  it.each(dialects)('is read of %s, and priced', (_name, usage, expected, microUsd) => {
    const read = readTokenUsage(usage)
    const { prompt_tokens_details: input, completion_tokens_details: output, ...sums } = read ?? {}
    const cached = input && { cached: input.cached_tokens }
    const reasoning = output && { reasoning: output.reasoning_tokens }
    expect({ ...sums, ...cached, ...reasoning }).toEqual(expected)
    expect(read && costOf(read, price)).toBe(microUsd)
  })

  it.each([null, undefined, {}, { prompt_tokens: -1 }, { prompt_tokens: 1.5 }, { prompt_tokens: '7' }, []])(
    'is nothing where %j is sent instead',
    (usage) => {
      expect(readTokenUsage(usage)).toBeNull()
    },
  )

  it('is the last one of a stream that tells it in every chunk', () => {
    const assembler = new ChatAssembler()
    for (const completion_tokens of [1, 2, 3]) {
      assembler.add(JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens } }))
    }
    expect(assembler.usage).toEqual({ prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 })
  })

  it('is found where Groq puts it in a stream', () => {
    const assembler = new ChatAssembler()
    assembler.add('{"id":"1","choices":[],"x_groq":{"id":"req"}}')
    assembler.add('{"id":"1","choices":[],"x_groq":{"id":"req","usage":{"prompt_tokens":18,"completion_tokens":7}}}')
    expect(assembler.usage).toEqual({ prompt_tokens: 18, completion_tokens: 7, total_tokens: 25 })
  })
})
