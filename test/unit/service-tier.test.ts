import { describe, expect, it } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import type { DialectQuirks } from '../../src/core/dialect.ts'
import { echoTier, priorityFor, tierServed } from '../../src/core/service-tier.ts'
import { adaptChatBody } from '../../src/providers/dialect-body.ts'

describe('a service tier', () => {
  it.each([
    ['priority', 'standard', 'interactive'],
    ['fast', 'batch', 'interactive'],
    ['flex', 'interactive', 'batch'],
    ['auto', 'standard', 'standard'],
    ['constructor', 'standard', 'standard'],
    [undefined, 'interactive', 'interactive'],
  ] as const)('%s where the usual is %s makes a job %s', (asked, usual, priority) => {
    expect(priorityFor(asked, usual)).toBe(priority)
  })

  it.each([
    ['auto', 'interactive', 'interactive', 'default'],
    ['auto', 'standard', 'interactive', 'priority'],
    ['priority', 'interactive', 'interactive', 'priority'],
    ['priority', 'interactive', 'standard', 'default'],
    ['default', 'standard', 'batch', 'flex'],
    [null, 'standard', 'batch', undefined],
  ] as const)('%s where the usual is %s, served as %s, is told as %s', (asked, usual, priority, told) => {
    expect(tierServed(asked, { priority, usual })).toBe(told)
  })

  it('is added to an answer behind what the upstream wrote, and to nothing else', () => {
    const answer = '{"choices":[{"message":{"content":"say \\"service_tier\\":\\"flex\\"}"}}],"n":1.0}\n'
    const told = JSON.parse(echoTier(answer, 'flex'))
    expect(told).toEqual({ ...JSON.parse(answer), service_tier: 'flex' })
    expect(echoTier(answer, 'flex')).toContain('"n":1.0')
    expect(echoTier(answer, undefined)).toBe(answer)
    expect(JSON.parse(echoTier('{"service_tier":null}', 'default'))).toEqual({ service_tier: 'default' })
    expect(echoTier('{"service_tier": "scale"}', 'default')).toBe('{"service_tier": "scale"}')
  })
})

describe('an upstream', () => {
  const sent = (provider: keyof typeof providerPresets, tier: unknown) => {
    const { quirks = {} } = providerPresets[provider] as { quirks?: DialectQuirks }
    return JSON.parse(adaptChatBody(JSON.stringify({ messages: [], service_tier: tier, x: 1 }), quirks))
  }

  it.each([
    ['openai', 'flex'],
    ['azure', 'priority'],
    ['groq', 'performance'],
    ['openai-compatible', 'whatever'],
    ['openrouter', 'flex'],
    ['litellm', 'flex'],
  ] as const)('%s that knows the tier %s is told', (provider, tier) => {
    expect(sent(provider, tier)).toMatchObject({ service_tier: tier, x: 1 })
  })

  it.each([
    ['openai', ['store', 'metadata', 'user', 'prediction']],
    ['vllm', ['store', 'metadata', 'user', 'prediction']],
    ['groq', ['user']],
    ['cerebras', ['user']],
    ['mistral', ['prediction']],
  ] as const)('%s is told of the fields that say nothing about the answer %s', (provider, told) => {
    const { quirks = {} } = providerPresets[provider] as { quirks?: DialectQuirks }
    const hints = { store: true, metadata: { run: '1' }, user: 'u', prediction: { type: 'content', content: 'x' } }
    const body = JSON.parse(adaptChatBody(JSON.stringify({ messages: [], ...hints, temperature: 1 }), quirks))
    expect(Object.keys(body)).toEqual(['messages', ...told, 'temperature'])
  })

  it.each([
    ['mistral', 'auto'],
    ['vllm', 'flex'],
    ['azure', 'flex'],
    ['groq', 'priority'],
    ['mlx', null],
  ] as const)('%s that does not know the tier %s is not', (provider, tier) => {
    expect(sent(provider, tier)).not.toHaveProperty('service_tier')
    expect(sent(provider, tier)).toMatchObject({ x: 1 })
  })
})
