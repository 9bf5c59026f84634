import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import { createProvider } from '../../src/providers/registry.ts'
import { callOf, patient } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const common = { model: 'm', timeouts: patient, concurrency: 1 }

function answerOf(adapter: string): string {
  const folder = adapter === 'ollama' ? 'ollama' : 'openai'
  return readFileSync(new URL(`../fixtures/${folder}/waiting.json`, import.meta.url), 'utf8')
}

describe('the provider registry', () => {
  it.each(Object.entries(providerPresets))('has an adapter for %s', async (provider, { adapter }) => {
    await using upstream = await startUpstream(reply(200, {}, answerOf(adapter)))
    const created = createProvider(
      {
        ...common,
        provider,
        base_url: `${upstream.url}/base`,
        api_key: { reveal: () => 'the key' },
        headers: { 'x-own': '1' },
      },
      providerPresets,
    )
    await created.complete(callOf())
    await created.close()
    expect(upstream.requests[0]).toMatchObject({
      path: adapter === 'ollama' ? '/base/api/chat' : '/base/chat/completions',
      headers: { authorization: 'Bearer the key', 'x-own': '1' },
    })
  })

  it('takes the base URL of the preset where the deployment has none', async () => {
    await using upstream = await startUpstream(reply(200, {}, answerOf('openai')))
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
