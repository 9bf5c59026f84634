import { describe, expect, it } from 'vitest'
import { defaultConfig } from '../../src/config/defaults.ts'

const keys = { apiKey: 'sk-default', webhookSecret: `whsec_${Buffer.alloc(32, 1).toString('base64')}` }
const sandboxUrl = 'http://127.0.0.1:45678'

describe('the configuration without a file', () => {
  it('serves the sandbox to one tenant from an on-premises pool', () => {
    const config = defaultConfig({ sandboxUrl, ollamaModels: [], keys })
    expect(config.pools).toEqual({ local: { residency: 'onprem', node_tokens: [] } })
    expect(Object.keys(config.models)).toEqual(['sandbox'])
    expect(config.models.sandbox?.deployments).toMatchObject([
      { id: 'sandbox', pool: 'local', provider: 'sandbox', base_url: sandboxUrl },
    ])
    expect(Object.keys(config.tenants)).toEqual(['default'])
    expect(config.tenants.default?.keys.map(({ key }) => key.reveal())).toEqual([keys.apiKey])
    expect(config.tenants.default?.webhook_secret?.reveal()).toBe(keys.webhookSecret)
    expect(config.webhooks).toEqual({
      allow_networks: ['127.0.0.0/8', '::1/128'],
      allow_http: true,
      disable_after: 5 * 86_400_000,
    })
    expect(config.server.port).toBe(4000)
    expect(config.redis.url).toBeUndefined()
  })

  it('serves each model of Ollama under its own name, with ids that differ', () => {
    const names = ['llama3.1:8b', 'llama3.1-8b', 'hf.co/someone/Model-GGUF:Q4_K_M', '_odd']
    const config = defaultConfig({ sandboxUrl, ollamaModels: names, keys })
    expect(Object.keys(config.models)).toEqual([...names, 'sandbox'])
    const deployments = Object.values(config.models).flatMap((model) => model.deployments)
    expect(deployments.map(({ model }) => model)).toEqual([...names, 'sandbox'])
    expect(new Set(deployments.map(({ id }) => id)).size).toBe(names.length + 1)
    expect(config.models['llama3.1:8b']?.deployments[0]).toMatchObject({
      provider: 'ollama',
      base_url: 'http://127.0.0.1:11434',
      pool: 'local',
    })
  })

  it('keeps the sandbox when an Ollama model has its name', () => {
    const config = defaultConfig({ sandboxUrl, ollamaModels: ['sandbox'], keys })
    expect(config.models.sandbox?.deployments[0]?.provider).toBe('sandbox')
  })

  it('takes what the command line decides', () => {
    const config = defaultConfig({
      sandboxUrl,
      ollamaModels: ['m'],
      ollamaUrl: 'http://127.0.0.1:9999',
      keys,
      server: { host: '0.0.0.0', port: 0 },
      redisUrl: 'redis://127.0.0.1:6379',
      dataDir: '/var/lib/sluice',
    })
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 0, max_body_mb: 16 })
    expect(config.redis.url?.reveal()).toBe('redis://127.0.0.1:6379')
    expect(config.data_dir).toBe('/var/lib/sluice')
    expect(config.models.m?.deployments[0]?.base_url).toBe('http://127.0.0.1:9999')
  })
})
