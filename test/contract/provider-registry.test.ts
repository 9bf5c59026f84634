import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import { createProvider } from '../../src/providers/registry.ts'
import { callOf, failureOf, patient } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const common = { model: 'm', timeouts: patient, concurrency: 1 }

const answer = readFileSync(new URL('../fixtures/openai/waiting.json', import.meta.url), 'utf8')

describe('the provider registry', () => {
  const bearer = { authorization: 'Bearer the key' }
  /** Where each adapter calls below a base URL, and how it sends the key. */
  const calls = {
    'openai-compatible': ['/chat/completions', bearer],
    sandbox: ['/chat/completions', bearer],
    azure: ['/openai/v1/chat/completions', { 'api-key': 'the key' }],
    ollama: ['/api/chat', bearer],
    anthropic: ['/messages', { 'x-api-key': 'the key' }],
    gemini: ['/models/m:generateContent', { 'x-goog-api-key': 'the key' }],
    bedrock: ['/model/m/converse', bearer],
  } as const

  it.each(Object.entries(providerPresets))('has an adapter for %s', async (provider, { adapter }) => {
    // What an adapter makes of an answer is its own exam's business.
    await using upstream = await startUpstream(reply(500, {}, '{}'))
    const created = createProvider(
      {
        ...common,
        provider,
        base_url: `${upstream.url}/base`,
        api_key: { reveal: () => 'the key' },
        headers: { 'x-own': '1' },
        ...(adapter === 'bedrock' && { aws: { region: 'eu-central-1' } }),
      },
      providerPresets,
    )
    expect(await failureOf(created.complete(callOf()))).toMatchObject({ failure: 'server_error' })
    await created.close()
    const [path, headers] = calls[adapter]
    expect(upstream.requests[0]).toMatchObject({ path: `/base${path}`, headers: { ...headers, 'x-own': '1' } })
  })

  it('takes the base URL of the preset where the deployment has none', async () => {
    await using upstream = await startUpstream(reply(200, {}, answer))
    const presets = { acme: { adapter: 'openai-compatible', baseUrl: `${upstream.url}/v1` } } as const
    const created = createProvider({ ...common, provider: 'acme' }, presets)
    await created.complete(callOf())
    await created.close()
    expect(upstream.requests[0]?.path).toBe('/v1/chat/completions')
    expect(upstream.requests[0]?.headers).not.toHaveProperty('authorization')
  })

  it('refuses a provider that nobody knows and one without a base URL', () => {
    expect(() => createProvider({ ...common, provider: 'acme' }, providerPresets)).toThrow('No provider is called acme')
    expect(() => createProvider({ ...common, provider: 'toString' }, providerPresets)).toThrow('No provider is called')
    expect(() => createProvider({ ...common, provider: 'openai-compatible' }, providerPresets)).toThrow(
      'needs a base_url',
    )
  })
})
