import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { detect } from '../../src/core/pii/detect.ts'
import { recognizers } from '../../src/core/pii/registry.ts'

const folder = resolve(import.meta.dirname, '../../src/core/pii')

describe.each(recognizers.map((recognizer) => [recognizer.entity, recognizer] as const))('%s', (entity, recognizer) => {
  it.each(recognizer.examples.finds)('finds one in %j', (text) => {
    const found = detect(text).filter((finding) => finding.entity === entity)
    expect(found).toHaveLength(1)
  })

  it.each(recognizer.examples.ignores)('finds none in %j', (text) => {
    expect(recognizer.find(text)).toEqual([])
  })
})

it('registers every recognizer file', () => {
  const registry = readFileSync(resolve(folder, 'registry.ts'), 'utf8')
  const files = globSync('recognizers/*.ts', { cwd: folder }).map((file) => basename(file))
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter((file) => !registry.includes(`./recognizers/${file}`))).toEqual([])
})
