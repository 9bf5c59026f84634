import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { ConfigError, formatProblem } from '../../src/config/problems.ts'

const fixtures = join(import.meta.dirname, '../fixtures/config')
const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

interface Files {
  readonly yaml: string
  readonly env?: Record<string, string>
  readonly others?: Record<string, string | Uint8Array>
}

/** Loads a text as `sluice.yaml` of a folder of its own, beside the other files. */
async function load({ yaml, env = {}, others = {} }: Files): Promise<LoadedConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'))
  try {
    await writeFile(join(folder, 'sluice.yaml'), yaml)
    for (const [name, content] of Object.entries(others)) await writeFile(join(folder, name), content)
    return await loadConfig({ file: join(folder, 'sluice.yaml'), env })
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function loadProblems(files: Files): Promise<readonly string[]> {
  const error = await load(files).catch((reason: unknown) => reason)
  if (!(error instanceof ConfigError)) throw new Error('expected a ConfigError', { cause: error })
  return error.problems.map(({ line, column, key, message }) => `${line}:${column} ${key}: ${message}`)
}

const minimal = `
pools: { local: { residency: onprem } }
models: { m: { deployments: [{ id: a, pool: local, provider: ollama, model: m, free: true }] } }
tenants: { acme: { keys: ["\${KEY}"] } }
`
const key = { KEY: 'sk-acme' }

describe('a loaded configuration', () => {
  it('has its references replaced and its defaults filled in', async () => {
    const env = { TEST_KEY: 'one', TEST_OTHER_KEY: 'two' }
    const { config } = await loadConfig({ file: join(fixtures, 'valid.yaml'), env })
    expect(config.server).toEqual({
      host: '127.0.0.1',
      port: 4001,
      max_body_mb: 16,
      max_wait: 50_000,
      max_open_jobs: 100_000,
    })
    expect(config.webhooks).toMatchObject({ allow_http: true, allow_networks: ['127.0.0.0/8', '::1/128'] })
    expect(config.tenants.acme?.keys.map(({ key }) => key.reveal())).toEqual(['two', `prefix-one-\${TEST_KEY}`])
    expect(config.tenants.acme).toMatchObject({
      sensitivity: { default: 'internal', floor: 'public' },
      models: ['chat'],
    })
    const [studio, cloud] = config.models.chat?.deployments ?? []
    expect(studio).toMatchObject({ base_url: 'http://127.0.0.1:11434', per_node: true })
    expect(cloud?.base_url).toBe('https://api.groq.com/openai/v1')
    expect(cloud?.timeouts).toEqual({ connect: 1_000, first_byte: 600_000, idle: 60_000, total: 600_000 })
    expect(config).toMatchObject({
      data_dir: './data',
      retry: { max_attempts: 6, base_delay: 500, max_delay: 30_000 },
      retention: { results: 86_400_000, events: 3_600_000, files: 2_592_000_000 },
      leases: { duration: 10_000 },
      deadlines: { interactive: 600_000, standard: 86_400_000, batch: 86_400_000 },
      auditor: { detectors: ['builtin'] },
    })
  })

  it('finds no model, tenant or pool under the names that every object has', async () => {
    const { config } = await load({ yaml: minimal, env: key })
    for (const record of [config.models, config.tenants, config.pools]) {
      expect(record.constructor).toBeUndefined()
      expect(Object.getPrototypeOf(record)).toBeNull()
    }
  })

  it('never prints a secret', async () => {
    const env = {
      KEY: 'secret-1',
      API: 'secret-2',
      HOOK: webhookSecret,
      HEADER: 'secret-3',
      REDIS: 'redis://u:secret-4@h',
    }
    const { config, warnings } = await load({
      env,
      yaml: `
redis: { url: \${REDIS} }
pools: { cloud: { residency: cloud } }
models:
  m:
    strategy: cheapest
    deployments: [{ id: a, pool: cloud, provider: groq, model: m, free: true, api_key: \${API}, headers: { x-a: \${HEADER} } }]
tenants: { acme: { keys: ["\${KEY}"], webhook_secret: \${HOOK} } }
`,
    })
    expect(config.models.m?.deployments[0]?.headers?.['x-a']?.reveal()).toBe('secret-3')
    expect(config.redis.url?.reveal()).toBe('redis://u:secret-4@h')
    expect(config.tenants.acme?.webhook_secret?.reveal()).toBe(webhookSecret)
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: 20, showHidden: true }),
      inspect(structuredClone(config), { depth: 20 }),
      ...warnings.map(formatProblem),
    ]
    for (const text of printed) {
      for (const value of Object.values(env)) expect(text).not.toContain(value)
    }
    expect(printed[0]).toContain('"keys":[{"key":"***"}]')
  })
})

describe('references', () => {
  it('take a file, relative to the configuration, without the blanks around its content', async () => {
    const yaml = minimal.replace(`"\${KEY}"`, `\${file:key.txt}`)
    const { config } = await load({ yaml, others: { 'key.txt': '\n sk-from-file\r\n' } })
    expect(config.tenants.acme?.keys[0]?.key.reveal()).toBe('sk-from-file')
  })

  it.each([
    ['is empty', '  \n'],
    ['has more than 65536 bytes', 'x'.repeat(65_537)],
  ])('refuse a file that %s', async (reason, content) => {
    const yaml = minimal.replace(`"\${KEY}"`, `\${file:key.txt}`)
    expect(await loadProblems({ yaml, others: { 'key.txt': content } })).toEqual([
      `4:27 tenants.acme.keys[0]: the file key.txt ${reason}`,
    ])
  })

  it('work unquoted among brackets, with signs that mean something to YAML', async () => {
    const yaml = `${minimal}data_dir: \${DIR:-a, b: [c] #d "e"}/\${EMPTY:-}x\n`
    const { config } = await load({ yaml, env: { ...key, EMPTY: '' } })
    expect(config.data_dir).toBe('a, b: [c] #d "e"/x')
  })

  it('are replaced once: what a variable contains stays as it is', async () => {
    const yaml = `${minimal}data_dir: \${A}\n`
    const { config } = await load({ yaml, env: { ...key, A: `\${KEY} $\${KEY} *x` } })
    expect(config.data_dir).toBe(`\${KEY} $\${KEY} *x`)
  })

  it('become numbers and truth values only where these are expected', async () => {
    const env = { KEY: '12345678', PORT: '8080', HTTP: 'false' }
    const yaml = `${minimal}server: { port: \${PORT} }\nwebhooks: { allow_http: "\${HTTP}" }\n`
    const { config } = await load({ yaml, env })
    expect(config.server.port).toBe(8080)
    expect(config.webhooks.allow_http).toBe(false)
    expect(config.tenants.acme?.keys[0]?.key.reveal()).toBe('12345678')
    expect(await loadProblems({ yaml, env: { ...env, PORT: '80a', HTTP: 'no' } })).toEqual([
      '5:11 server.port: must be a number',
      '6:13 webhooks.allow_http: must be true or false',
    ])
  })

  it('do not look up what every object has', async () => {
    expect(await loadProblems({ yaml: minimal.replace(`\${KEY}`, `\${constructor}`) })).toEqual([
      '4:27 tenants.acme.keys[0]: the environment variable constructor is not set',
    ])
  })

  it('that fail hide nothing else that is wrong', async () => {
    const problems = await loadProblems({ yaml: `${minimal}dat_dir: \${UNSET}\n`, env: key })
    expect(problems).toEqual([
      '5:1 dat_dir: the environment variable UNSET is not set',
      expect.stringMatching(/^5:1 dat_dir: unknown key "dat_dir"; allowed: .*; did you mean "data_dir"\?$/),
    ])
  })

  it('leave private-use characters of the file alone', async () => {
    const { config } = await load({ yaml: `${minimal}data_dir: "\ue041\ue024\ue0b0"\n`, env: key })
    expect(config.data_dir).toBe('\ue041\ue024\ue0b0')
  })
})

describe('what must stay unseen in problems', () => {
  const secretText = 'sk-written-in-the-file'

  it.each([
    ['an unclosed quote', `redis: { url: "${secretText}\n`],
    ['text after a bracket', `redis: { url: x }} ${secretText}\n`],
    ['a block scalar header', `data_dir: |${secretText}\n`],
    ['a reserved character', `data_dir: @${secretText}\n`],
    ['a reserved character in a list', `- @${secretText}\n`],
    ['a second mapping on a line', `data_dir: x: ${secretText}\n`],
    ['an unknown tag', `data_dir: !x ${secretText}\n`],
    ['a wrong form', `redis: { url: "${secretText}" }\n`],
    ['a wrong place', `auditor: "${secretText}"\n`],
    ['a key with blanks', `tenants: { acme: { keys: ["a ${secretText}"] } }\n`],
    ['a default of a broken reference', `data_dir: \${A-B:-${secretText}}\n`],
    ['a default that is not allowed', `auditor: { on_phi: "\${PHI:-${secretText}}" }\n`],
  ])('is a secret behind %s', async (_name, yaml) => {
    const problems = await loadProblems({ yaml })
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join('\n')).not.toContain(secretText)
  })

  it('is a file that is not UTF-8', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'))
    const file = join(folder, 'sluice.yaml')
    await writeFile(file, Buffer.from([0xff, 0xfe, 0x61, 0x00]))
    await expect(loadConfig({ file, env: {} })).rejects.toThrow(`${file}:1:1 cannot be read: it is not UTF-8`)
    await rm(folder, { recursive: true })
  })
})

describe('warnings', () => {
  async function loadWarnings(yaml: string): Promise<readonly string[]> {
    const { warnings } = await load({ yaml, env: { ...key, API: 'sk-api' } })
    return warnings.map(({ line, key, message }) => `${line} ${key}: ${message}`)
  }

  it('are absent where everything is enforced', async () => {
    expect(await loadWarnings(minimal)).toEqual([])
    const ordered = minimal.replace('m: { ', 'm: { strategy: ordered, fallbacks: [], ')
    expect(
      await loadWarnings(`${ordered}retention: { results: 1h, files: 7d }\nauditor: { detectors: [builtin] }\n`),
    ).toEqual([])
  })

  it('name what routing will do that the file may not have meant', async () => {
    const yaml = `
pools: { local: { residency: onprem }, cloud: { residency: cloud } }
models:
  m:
    max_price: { output: 1 }
    fallbacks: [n]
    context_window_fallbacks: [n]
    rules:
      - { when: { tags: { a: b } }, prefer: { pools: [local] } }
      - { when: {}, strategy: fastest }
      - { when: { priorities: [batch] }, strategy: cheapest }
    deployments:
      - { id: a, pool: local, provider: vllm, model: m, price: { input: 1, output: 2 }, weight: 9, context_tokens: 9000 }
      - { id: b, pool: local, provider: ollama, model: m, price: { input: 1, output: 2 }, num_ctx: 8192, api_version: x }
  n:
    deployments: [{ id: c, pool: cloud, provider: groq, model: llama-3.1-8b-instant, context_tokens: 9000, api_key: "\${API}" }]
tenants: { acme: { keys: ["\${KEY}"] } }
`
    expect(await loadWarnings(yaml)).toEqual([
      '5 models.m.max_price: is less than every deployment of this model asks: none is left',
      '6 models.m.fallbacks[0]: has cloud deployments only: restricted jobs do not go on to it, internal ones do, masked',
      '7 models.m.context_window_fallbacks[0]: takes 9000 tokens, no more than this model with 9000',
      '11 models.m.rules[2]: is never reached: rule 2 fits every job',
      '14 models.m.deployments[1].weight: is missing; others of tier 1 have one, so it counts as 1',
      '14 models.m.deployments[1].api_version: has no effect: it is for azure',
    ])
  })

  it('name secrets that stand in the file, and only these', async () => {
    const plain = `stands in the file; write \${NAME} or \${file:/path} and keep the secret elsewhere`
    const yaml = `
redis: { url: redis://user:password@localhost }
pools: { cloud: { residency: cloud } }
models:
  m:
    deployments:
      - { id: a, pool: cloud, provider: groq, model: m, free: true, api_key: sk-plain, headers: { X-Title: Sluice, X-Api-Key: k } }
      - { id: b, pool: cloud, provider: groq, model: m, free: true, api_key: "\${API}" }
tenants: { acme: { keys: [sk-plain-too, "\${KEY}"], webhook_secret: ${webhookSecret} } }
`
    expect(await loadWarnings(yaml)).toEqual([
      `2 redis.url: ${plain}`,
      `7 models.m.deployments[0].api_key: ${plain}`,
      `7 models.m.deployments[0].headers.X-Api-Key: ${plain}`,
      `9 tenants.acme.keys[0]: ${plain}`,
      `9 tenants.acme.webhook_secret: ${plain}`,
    ])
    expect(await loadWarnings(`${minimal}redis: { url: redis://localhost:6379 }\n`)).toEqual([])
  })

  it('name a deployment that its provider will refuse, and a file without tenants', async () => {
    const yaml = `
pools: { cloud: { residency: cloud } }
models:
  m:
    deployments:
      - { id: a, pool: cloud, provider: xai, model: m, free: true }
      - { id: b, pool: cloud, provider: xai, model: m, free: true, base_url: "http://proxy.internal/xai/" }
`
    expect(await loadWarnings(yaml)).toEqual([
      '1 tenants: there are none, so nobody can send jobs; only a file for dispatchers goes without',
      '6 models.m.deployments[0].api_key: is missing; xai refuses calls without a key',
    ])
  })
})

describe('the form of values', () => {
  it.each([
    ['a webhook secret of 23 bytes', `whsec_${Buffer.alloc(23).toString('base64')}`, false],
    ['a webhook secret of 24 bytes', `whsec_${Buffer.alloc(24).toString('base64')}`, true],
    ['a webhook secret of 64 bytes', `whsec_${Buffer.alloc(64).toString('base64')}`, true],
    ['a webhook secret of 65 bytes', `whsec_${Buffer.alloc(65).toString('base64')}`, false],
    ['a webhook secret without its prefix', Buffer.alloc(32).toString('base64'), false],
    ['a webhook secret without its padding', `whsec_${Buffer.alloc(32).toString('base64').replace('=', '')}`, false],
  ])('%s is told apart', async (_name, text, isAllowed) => {
    const yaml = minimal.replace('keys:', `webhook_secret: "\${HOOK}", keys:`)
    const loading = load({ yaml, env: { ...key, HOOK: text } })
    await (isAllowed ? expect(loading).resolves.toBeDefined() : expect(loading).rejects.toThrow('24 to 64 bytes'))
  })

  it.each(['redis://h', 'rediss://u:p@h:6380/1', '/run/redis.sock'])('%s is a Redis URL', async (url) => {
    const { config } = await load({ yaml: `${minimal}redis: { url: ${url} }\n`, env: key })
    expect(config.redis.url?.reveal()).toBe(url)
  })

  it.each(['http://h', 'h:6379', '//h', 'redis://'])('%s is no Redis URL', async (url) => {
    expect(await loadProblems({ yaml: `${minimal}redis: { url: "${url}" }\n`, env: key })).toEqual([
      '5:10 redis.url: must be a redis:// or rediss:// URL, or the absolute path of a Unix socket',
    ])
  })

  it('a base URL loses the slash at its end', async () => {
    const yaml = minimal.replace('model: m', 'model: m, base_url: "http://127.0.0.1:1234/v1/"')
    const { config } = await load({ yaml, env: key })
    expect(config.models.m?.deployments[0]?.base_url).toBe('http://127.0.0.1:1234/v1')
  })
})
