import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findPrice } from '../../src/pricing/catalogue.ts'
import { priceOf } from '../../src/pricing/price.ts'
import { priceLists } from '../../src/pricing/price-lists.ts'
import { countTextTokens, createTokenCounter, estimateMargin } from '../../src/pricing/token-counter.ts'

const counter = createTokenCounter()

describe('the price catalogue', () => {
  it('has whole micro-dollars, and a source and a date for every list', () => {
    for (const [provider, { rows, source, checked }] of Object.entries(priceLists)) {
      expect(source).toMatch(/^https:/)
      expect(checked).toMatch(/^\d{4}-\d{2}-\d{2}$/)
      expect(new Set(rows.map(([model]) => model)).size, provider).toBe(rows.length)
      for (const [model] of rows) {
        const found = findPrice(provider, model)
        expect(Object.values(found?.price ?? {}).every(Number.isSafeInteger), model).toBe(true)
        expect(found?.price.cachedInput, model).toBeLessThanOrEqual(found?.price.input ?? 0)
        expect(found?.maxOutputTokens, model).toBeLessThanOrEqual(found?.contextWindow ?? 0)
      }
    }
  })

  it.each([
    ['openai', 'gpt-4o', 2_500_000],
    ['openai', 'gpt-4o-2024-08-06', 2_500_000],
    ['openai', 'gpt-4o-2024-05-13', 5_000_000],
    ['openai', 'GPT-4o-Mini', 150_000],
    ['anthropic', 'claude-sonnet-4-5-20250929', 3_000_000],
    ['anthropic', 'claude-sonnet-4-5', 3_000_000],
    ['mistral', 'codestral-latest', 300_000],
    ['groq', 'llama-3.1-8b-instant', 50_000],
    ['openrouter', 'openai/gpt-4o-mini', 150_000],
    ['openrouter', 'anthropic/claude-sonnet-4.5', 3_000_000],
    ['openrouter', 'x-ai/grok-4', 3_000_000],
    ['gemini', 'gemini-2.5-flash', 300_000],
    ['bedrock', 'anthropic.claude-3-haiku-20240307-v1:0', 250_000],
    ['bedrock', 'eu.anthropic.claude-sonnet-4-20250514-v1:0', 3_000_000],
    ['bedrock', 'us.anthropic.claude-opus-4-1-20250805-v1:0', 15_000_000],
    ['bedrock', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0', 3_000_000],
    ['bedrock', 'global.anthropic.claude-opus-4-6-v1', 5_000_000],
  ])('knows what %s asks for %s', (provider, model, input) => {
    expect(findPrice(provider, model)?.price.input).toBe(input)
  })

  it.each([
    ['openai', 'gpt-4o-ultra'],
    ['openai', 'gpt-4'.repeat(40)],
    ['openai', 'constructor'],
    ['__proto__', 'gpt-4o'],
    ['openai-compatible', 'gpt-4o'],
    ['openrouter', 'nobody/gpt-4o'],
    ['openrouter', 'openai/'],
    // A tenth more than by its global name.
    ['bedrock', 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['bedrock', 'anthropic.claude-opus-4-6-v1'],
    ['bedrock', 'amazon.nova-pro-v1:0'],
    ['bedrock', 'arn:aws:bedrock:eu-central-1:1:application-inference-profile/x'],
    ['bedrock', 'claude-sonnet-4'],
  ])('does not guess the price of %s %s', (provider, model) => {
    expect(findPrice(provider, model)).toBeNull()
  })

  it('gives way to the price of a deployment, and asks nothing where calls are free', () => {
    const deployment = { provider: 'openai', model: 'gpt-4o', free: false }
    expect(priceOf({ ...deployment, price: { input: 1, output: 2.5 } })).toEqual({
      input: 1_000_000,
      cachedInput: 1_000_000,
      output: 2_500_000,
      reasoning: 2_500_000,
    })
    expect(priceOf({ ...deployment, price: { input: 1, output: 2, cached_input: 0.1, reasoning: 3 } })).toMatchObject({
      cachedInput: 100_000,
      reasoning: 3_000_000,
    })
    expect(priceOf({ ...deployment, free: true })).toBeNull()
    expect(priceOf(deployment)?.output).toBe(10_000_000)
  })
})

describe('the token counter', () => {
  it('counts text as OpenAI does', () => {
    expect(countTextTokens('hello world')).toBe(2)
    expect(countTextTokens('<|endoftext|>')).toBeGreaterThan(1)
    expect(countTextTokens('')).toBe(0)
  })

  it('counts messages as OpenAI’s cookbook does', () => {
    const messages = [
      { role: 'system', content: 'You are a helpful, pattern-following assistant.' },
      { role: 'user', content: 'This late pivot means we do not have time to boil the ocean for the client.' },
    ]
    // Per message 3 and its role, 3 before the answer, and the texts.
    const texts = messages.reduce((sum, { content }) => sum + countTextTokens(content), 0)
    const counted = counter.countPrompt(JSON.stringify({ messages }))
    expect(counted).toBeGreaterThanOrEqual(texts + 11)
    expect(counted).toBeLessThanOrEqual(texts + 13)
  })

  it('counts tools, pictures and calls', () => {
    const bare = counter.countPrompt(JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] }))
    const picture = [
      { type: 'text', text: 'Hi' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ]
    expect(counter.countPrompt(JSON.stringify({ messages: [{ role: 'user', content: picture }] }))).toBe(bare + 1_500)
    const tools = [{ type: 'function', function: { name: 'find_log_lines', parameters: { type: 'object' } } }]
    expect(counter.countPrompt(JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], tools }))).toBeGreaterThan(
      bare + 10,
    )
  })

  it('counts every choice of an answer', () => {
    const message = { role: 'assistant', content: 'hello world' }
    expect(counter.countAnswer(JSON.stringify({ choices: [{ message }] }))).toBe(2)
    const twice = counter.countAnswer(JSON.stringify({ choices: [{ message }, { message }] }))
    expect(twice).toBeGreaterThanOrEqual(4)
    expect(counter.countAnswer('{}')).toBe(0)
  })

  it('counts any body that is JSON', () => {
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(counter.countPrompt(body)).toBeGreaterThanOrEqual(0)
        expect(counter.countAnswer(body)).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  // Without cuts the tokenizer takes minutes for each of these; the test would run into its limit.
  it.each([
    ['blanks', ' '],
    ['line ends', '\n'],
    ['one letter', 'a'],
    ['Chinese', '的一是不'],
    ['Cyrillic', 'бвгджз'],
  ])('counts a megabyte of %s', (_name, piece) => {
    const text = piece.repeat(Math.ceil(1_000_000 / Buffer.byteLength(piece)))
    expect(countTextTokens(text)).toBeGreaterThan(10_000)
  })

  it('estimates a long text by samples, rather too high', () => {
    const text = 'An error occurred while the disk was being mounted at 10:31. '.repeat(5_000)
    const exact = countTextTokens(text.slice(0, 61_000)) * 5
    expect(countTextTokens(text)).toBeGreaterThanOrEqual(exact)
    expect(countTextTokens(text)).toBeLessThan(exact * 1.2)
  })

  it('goes further above the count for models with another vocabulary', () => {
    expect(estimateMargin('openai')).toBe(1)
    expect(estimateMargin('anthropic')).toBeGreaterThan(1)
    expect(estimateMargin('openai-compatible')).toBeGreaterThan(estimateMargin('anthropic'))
  })
})
