import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Imported, importLiteLlm } from '../../src/config/import/import-litellm.ts'
import { isInHouse } from '../../src/config/import/upstreams.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

const folder = resolve(import.meta.dirname, '../fixtures/import')
const fixtures = ['small-team', 'platform', 'home-lab', 'guarded', 'legacy']

async function importText(text: string, file = 'litellm.yaml'): Promise<Imported> {
  return importLiteLlm({
    file,
    text,
    readInclude: async (path) => {
      const included = join(folder, path)
      return { file: basename(included), text: await readFile(included, 'utf8') }
    },
  })
}

async function importFixture(name: string): Promise<Imported> {
  return importText(await readFile(join(folder, `${name}.yaml`), 'utf8'), `${name}.yaml`)
}

function configOf({ yaml }: Imported): ConfigInput {
  return parse(yaml) as ConfigInput
}

function reportText({ report }: Imported): string {
  return report.map(({ level, file, path, why, advice }) => `${level} ${file} ${path}: ${why} | ${advice}\n`).join('')
}

describe('the import of a LiteLLM file', () => {
  for (const name of fixtures) {
    it(`turns ${name} into the same configuration and report as before`, async () => {
      const imported = await importFixture(name)
      await expect(imported.yaml).toMatchFileSnapshot(join(folder, `${name}.sluice.yaml`))
      await expect(reportText(imported)).toMatchFileSnapshot(join(folder, `${name}.report.txt`))
    })

    it(`gives a configuration for ${name} that config check accepts`, async () => {
      expect((await importFixture(name)).problems).toEqual([])
    })

    it(`opens nothing for ${name} that the file does not open`, async () => {
      const { tenants, pools, models, auditor } = configOf(await importFixture(name))
      for (const tenant of Object.values(tenants ?? {})) {
        expect(tenant.sensitivity).toEqual({ default: 'internal', floor: 'internal' })
      }
      expect(auditor?.on_phi).toBe('restricted')
      for (const { deployments } of Object.values(models)) {
        for (const { pool, base_url, provider } of deployments) {
          if (pools[pool]?.residency !== 'onprem') continue
          expect(base_url === undefined ? provider === 'ollama' : isInHouse(base_url)).toBe(true)
        }
      }
    })

    it(`copies no secret of ${name}`, async () => {
      const imported = await importFixture(name)
      const text = imported.yaml + reportText(imported)
      for (const secret of ['hunter2', 'sk-proj', 'sk-old', 'sk-1234', 's3cr3t']) expect(text).not.toContain(secret)
    })

    it(`tells of every key of ${name} that it does not know, wherever it stands`, async () => {
      const text = await readFile(join(folder, `${name}.yaml`), 'utf8')
      const root = parse(text.replace('fallbacks=[', 'fallbacks: ['), { uniqueKeys: false, merge: true })
      for (const path of mappingsOf(root)) {
        const copy = structuredClone(root) as Tree
        at(copy, path).zz_unknown = 1
        const { report, yaml } = await importText(stringify(copy), `${name}.yaml`)
        const key = format([...path, 'zz_unknown'])
        const isTold =
          report.some((entry) => entry.path !== '' && key.startsWith(entry.path)) || yaml.includes('zz_unknown')
        expect(isTold, key).toBe(true)
      }
    })
  }
})

type Tree = Record<string, unknown>

function mappingsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Array.isArray(value)
    ? value.flatMap((each, index) => mappingsOf(each, [...path, index]))
    : Object.entries(value).flatMap(([key, each]) => mappingsOf(each, [...path, key]))
  return Array.isArray(value) ? below : [path, ...below]
}

function at(root: Tree, path: readonly (string | number)[]): Tree {
  return path.reduce<unknown>((value, key) => (value as Tree)[key], root) as Tree
}

function format(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : /^[\w-]+$/.test(part) ? `.${part}` : `["${part}"]`))
    .join('')
    .replace(/^\./, '')
}

/** A file with one model, and more. */
function oneModel(params: object, rest: object = {}): string {
  return stringify({
    model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', ...params } }],
    ...rest,
  })
}

async function deploymentOf(params: object): Promise<Record<string, unknown>> {
  const { models } = configOf(await importText(oneModel(params)))
  return models.m?.deployments[0] as unknown as Record<string, unknown>
}

describe('a deployment', () => {
  const providers: [string, string, string][] = [
    ['gpt-4o', 'openai', 'gpt-4o'],
    ['claude-sonnet-4-5', 'anthropic', 'claude-sonnet-4-5'],
    ['o3-mini', 'openai', 'o3-mini'],
    ['together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo', 'together', 'meta-llama/Llama-3.3-70B-Instruct-Turbo'],
    ['openrouter/openai/gpt-oss-120b', 'openrouter', 'openai/gpt-oss-120b'],
    ['fireworks_ai/accounts/fireworks/models/x', 'fireworks', 'accounts/fireworks/models/x'],
    ['nvidia_nim/meta/llama3', 'nvidia', 'meta/llama3'],
    ['ollama/llama3', 'ollama', 'llama3'],
    [
      'bedrock/invoke/anthropic.claude-sonnet-4-5-20250929-v1:0',
      'bedrock',
      'anthropic.claude-sonnet-4-5-20250929-v1:0',
    ],
  ]
  it.each(providers)('%s is served by %s as %s', async (model, provider, name) => {
    expect(await deploymentOf({ model })).toMatchObject({ provider, model: name })
  })

  it.each(['vertex_ai/gemini-2.5-pro', 'nobody/knows', 'mystery', 'cohere/command-r'])(
    '%s is left out, with its model and what led to it, and told of',
    async (model) => {
      const fallbacks = { litellm_settings: { fallbacks: [{ m: ['n'] }] } }
      const text = stringify({
        model_list: [
          { model_name: 'm', litellm_params: { model: 'openai/gpt-4o' } },
          { model_name: 'n', litellm_params: { model } },
        ],
        ...fallbacks,
      })
      const imported = await importText(text)
      expect(Object.keys(configOf(imported).models)).toEqual(['m'])
      const lost = imported.report.filter(({ level }) => level === 'lost').map(({ path }) => path)
      expect(lost).toEqual(['model_list[1]', 'model_list[1].model_name', 'litellm_settings.fallbacks[0]'])
    },
  )

  it('is in the house only at an address that can be nowhere else', async () => {
    const pool = async (model: string, api_base?: string) =>
      (await deploymentOf({ model, ...(api_base && { api_base }) })).pool
    for (const base of [
      'http://127.0.0.1:8000/v1',
      'http://10.1.2.3/v1',
      'http://[fd00::1]:8000',
      'http://vllm:8000',
      'http://mac.local',
    ]) {
      expect(await pool('openai/x', base), base).toBe('local')
    }
    for (const base of [
      'https://llm.example.com/v1',
      'http://8.8.8.8/v1',
      'http://100.64.0.7/v1',
      'os.environ/SOMEWHERE',
    ]) {
      expect(await pool('openai/x', base), base).toBe('cloud')
    }
    expect(await pool('ollama/llama3')).toBe('local')
    expect(await pool('ollama/llama3', 'https://ollama.example.com')).toBe('cloud')
    expect(await pool('ollama/gpt-oss:120b-cloud')).toBe('cloud')
    expect(await pool('litellm_proxy/gpt-4o', 'http://10.0.0.9:4000/v1')).toBe('cloud')
  })

  it('counts what it costs in dollars per million tokens, as the file or the catalogue says, or asks for it', async () => {
    const costs = { input_cost_per_token: 0.000001, output_cost_per_token: '2e-06', cache_read_input_token_cost: 1e-7 }
    expect(await deploymentOf(costs)).toMatchObject({ price: { input: 1, output: 2, cached_input: 0.1 } })
    expect(await deploymentOf({ input_cost_per_token: 0, output_cost_per_token: 0 })).toMatchObject({ free: true })
    expect(await deploymentOf({})).not.toHaveProperty('price')
    expect(await deploymentOf({ model: 'groq/nobody-knows' })).toMatchObject({
      price: { input: `\${PRICE_M_GROQ_INPUT}`, output: `\${PRICE_M_GROQ_OUTPUT}` },
    })
  })

  it('takes its place by order, and its share by weight, rpm or tpm', async () => {
    const model = async (params: object[]) => {
      const items = params.map((each) => ({ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', ...each } }))
      const { models } = configOf(await importText(stringify({ model_list: items })))
      return models.m?.deployments.map(({ tier, weight }) => [tier, weight])
    }
    expect(await model([{ weight: 0.9 }, { weight: 0.1 }])).toEqual([
      [undefined, 9],
      [undefined, 1],
    ])
    expect(await model([{ rpm: 600 }, { rpm: 200 }, {}])).toEqual([
      [undefined, 3],
      [undefined, 1],
      [undefined, 0],
    ])
    expect(await model([{ order: 5 }, { order: 1 }, {}])).toEqual([
      [2, undefined],
      [1, undefined],
      [3, undefined],
    ])
    expect(await model([{}, {}])).toEqual([
      [undefined, 1],
      [undefined, 1],
    ])
  })
})

describe('fallbacks', () => {
  const three = ['a', 'b', 'c'].map((name) => ({ model_name: name, litellm_params: { model: 'openai/gpt-4o' } }))
  const fallbacksOf = async (rest: object) => {
    const imported = await importText(stringify({ model_list: three, ...rest }))
    expect(imported.problems).toEqual([])
    return Object.fromEntries(
      Object.entries(configOf(imported).models).map(([name, { fallbacks = [] }]) => [name, fallbacks.join()]),
    )
  }

  it('of the router go before those of the settings, model by model', async () => {
    const rest = {
      litellm_settings: { fallbacks: [{ a: ['b'] }, { b: ['c'] }] },
      router_settings: { fallbacks: [{ a: ['c'] }] },
    }
    expect(await fallbacksOf(rest)).toEqual({ a: 'c', b: 'c', c: '' })
  })

  it('by default are for the models that have none, and never make a circle', async () => {
    expect(await fallbacksOf({ litellm_settings: { default_fallbacks: ['c'], fallbacks: [{ a: 'b' }] } })).toEqual({
      a: 'b',
      b: 'c',
      c: '',
    })
    expect(
      await fallbacksOf({ router_settings: { fallbacks: [{ a: ['b'] }, { b: ['a', 'c'] }, { c: ['a'] }] } }),
    ).toEqual({
      a: 'b',
      b: 'c',
      c: '',
    })
    expect(await fallbacksOf({ router_settings: { fallbacks: [{ '*': ['c'] }] } })).toEqual({ a: 'c', b: 'c', c: '' })
  })
})

describe('a file that is not what it should be', () => {
  it('is refused with the place where it is no YAML, and without quoting it', async () => {
    const broken = 'model_list:\n  - model_name: "sk-secret\n'
    await expect(importText(broken)).rejects.toMatchObject({
      problems: [{ line: 2, message: expect.not.stringContaining('sk-') }],
    })
    await expect(importText('')).rejects.toMatchObject({ name: 'ConfigError' })
    await expect(importText('just text')).rejects.toMatchObject({ name: 'ConfigError' })
  })

  it('without a model that can be served gives nothing, and says so', async () => {
    const imported = await importText('model_list: []\nlitellm_settings: {cache: true}\n')
    expect(imported.yaml).toBe('')
    expect(imported.report.some(({ level, path }) => level === 'lost' && path === 'model_list')).toBe(true)
  })

  it('survives values of any kind in any place', async () => {
    const odd = [null, true, 7, 'text', [], [1], {}, { a: 1 }]
    const root = parse(await readFile(join(folder, 'guarded.yaml'), 'utf8')) as Tree
    for (const path of mappingsOf(root)) {
      for (const key of Object.keys(at(root, path))) {
        for (const value of odd) {
          const copy = structuredClone(root)
          at(copy, path)[key] = value
          const imported = await importText(stringify(copy))
          expect(imported.problems, `${format([...path, key])} = ${JSON.stringify(value)}`).toEqual([])
        }
      }
    }
  })
})

it('reads included files from where the including one is', async () => {
  const imported = await importFixture('legacy')
  expect(configOf(imported).models).toHaveProperty('archive')
  expect(dirname(imported.report.find(({ path }) => path.startsWith('include'))?.file ?? '')).toBe('.')
})
