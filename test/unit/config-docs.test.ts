import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configJsonSchema, type JsonSchema, valueJsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { providerPresets } from '../../src/config/provider-presets.ts'

const root = join(import.meta.dirname, '../..')
const documentation = readFileSync(join(root, 'docs/configuration.md'), 'utf8')

interface Leaf {
  readonly key: string
  readonly schema: JsonSchema
}

/** Every key that takes a value, as the documentation writes it. */
function listKeys(schema: JsonSchema, key = ''): Leaf[] {
  const { properties, additionalProperties, items, anyOf } = schema
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, child]) => listKeys(child, key === '' ? name : `${key}.${name}`))
  }
  if (typeof additionalProperties === 'object' && additionalProperties.properties !== undefined) {
    return listKeys(additionalProperties, `${key}.<name>`)
  }
  if (items?.properties !== undefined) return listKeys(items, `${key}[]`)
  const nested = (items?.anyOf ?? anyOf ?? []).filter((option) => option.properties !== undefined)
  return [{ key, schema }, ...nested.flatMap((option) => listKeys(option, `${key}[]`))]
}

/** Cells of the rows whose first cell is `code`, by that code. */
function readRows(): Map<string, readonly string[]> {
  const rows = documentation.split('\n').flatMap((line) => {
    const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
    const code = /^`([^`]+)`$/.exec(cells[0] ?? '')?.[1]
    return code === undefined ? [] : [[code, cells] as const]
  })
  return new Map(rows)
}

function missingDescriptions(schema: JsonSchema, key: string): string[] {
  const children = Object.entries(schema.properties ?? {}).map(([name, child]) => [`${key}.${name}`, child] as const)
  const other = [schema.additionalProperties, schema.items].filter((child) => typeof child === 'object')
  const below = [...children, ...other.map((child) => [`${key}[]`, child] as const)]
  const inside = below.flatMap(([name, child]) => missingDescriptions(child, name))
  // Items of lists of plain values say it all in the description of the list.
  const isNamed = key === '' || !key.endsWith('[]') || schema.properties !== undefined
  return isNamed && schema.description === undefined ? [key, ...inside] : inside
}

describe('docs/configuration.md', () => {
  const rows = readRows()
  const keys = listKeys(valueJsonSchema())

  it('has a row for every key and for no other', () => {
    const documented = [...rows.keys()].filter(
      (key) => !(key in providerPresets) && (/^[a-z_]+\./.test(key) || key === 'data_dir'),
    )
    expect(documented.sort()).toEqual(keys.map(({ key }) => key).sort())
    expect(keys.length).toBeGreaterThan(45)
  })

  it.each(keys)('gives the default of $key', ({ key, schema }) => {
    const cell = rows.get(key)?.at(-1)
    if (schema.default === undefined) expect(cell).toMatch(/^(required|optional|the provider's)$/)
    else
      expect(cell).toBe(`\`${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}\``)
  })

  it('has every provider with its URL', () => {
    for (const [name, { baseUrl }] of Object.entries(providerPresets)) {
      expect(rows.get(name)?.[1]).toContain(baseUrl ?? (name === 'sandbox' ? 'filled in' : 'required'))
    }
  })
})

describe('docs/sluice.schema.json', () => {
  it('is what `sluice config schema` prints', () => {
    const file = JSON.parse(readFileSync(join(root, 'docs/sluice.schema.json'), 'utf8'))
    expect(file).toEqual(JSON.parse(JSON.stringify(configJsonSchema())))
  })

  it('describes every key', () => {
    expect(missingDescriptions(valueJsonSchema(), '')).toEqual([])
  })
})

describe('sluice.example.yaml', () => {
  const file = join(root, 'sluice.example.yaml')
  const env = {
    REDIS_URL: 'redis://127.0.0.1:6379',
    GROQ_API_KEY: 'example-1',
    OPENAI_API_KEY: 'example-2',
    ANTHROPIC_API_KEY: 'example-3',
    ACME_API_KEY: 'example-4',
    PRESIDIO_URL: 'http://127.0.0.1:5002',
  }

  it('loads when its variables are set, without a warning', async () => {
    const { config, warnings } = await loadConfig({ file, env })
    expect(Object.keys(config.models)).toEqual(['log-summarizer', 'creative-writer'])
    expect(warnings).toEqual([])
  })

  it('names every variable that is missing', async () => {
    const loading = loadConfig({ file, env: {} })
    for (const name of Object.keys(env))
      await expect(loading).rejects.toThrow(`environment variable ${name} is not set`)
  })

  it('points editors at the schema in its first line', () => {
    const [first] = readFileSync(file, 'utf8').split('\n')
    expect(first).toBe('# yaml-language-server: $schema=docs/sluice.schema.json')
  })
})
