import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { usualCapabilities } from '../../src/config/provider-capabilities.ts'
import { providerNames } from '../../src/config/provider-presets.ts'
import { capabilities } from '../../src/core/capabilities.ts'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { classifyStatus } from '../../src/providers/upstream-refusal.ts'

const page = readFileSync(new URL('../../docs/providers.md', import.meta.url), 'utf8')

function wordsIn(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}

describe('docs/providers.md', () => {
  it('says of every provider what it lacks', () => {
    const table = page.slice(page.indexOf('| provider |'), page.indexOf('Models that are made for embeddings'))
    const rows = [...table.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(([, name, lacks]) => [name, wordsIn(lacks)])
    const expected = providerNames.map((name) => {
      const has = usualCapabilities(name, 'some-model')
      return [name, capabilities.filter((capability) => !has.includes(capability))]
    })
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected))
  })

  it('says of every status what it means', () => {
    const named = (status: number) => {
      const row = page.split('\n').find((line) => new RegExp(`^\\|[^|]*\\b${status}\\b[^|]*\\|`).test(line))
      return wordsIn(row?.split('|')[2])[0] as ProviderFailure | undefined
    }
    for (const status of [400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 425, 429, 498, 501, 503, 529]) {
      expect([status, named(status)]).toEqual([status, classifyStatus(status)])
    }
  })
})
