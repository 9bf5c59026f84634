import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { detect } from '../../src/core/pii/detect.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { Scan } from '../../src/core/pii/scan.ts'

const folder = resolve(import.meta.dirname, '../../src/core/pii')

describe.each(recognizers.map((recognizer) => [recognizer.entity, recognizer] as const))('%s', (entity, recognizer) => {
  it.each(recognizer.examples.finds)('finds one in %j', (text) => {
    expect(detect(text).filter((finding) => finding.entity === entity)).toHaveLength(1)
  })

  it.each(recognizer.examples.ignores)('finds none in %j', (text) => {
    expect(recognizer.find(new Scan(text))).toEqual([])
  })

  it('finds nothing in the texts that hold everything else', () => {
    const others = recognizers.filter((other) => other !== recognizer).flatMap((other) => other.examples.ignores)
    expect(
      others.filter((text) => detect(text).some((finding) => finding.entity === entity && !isMeant(text))),
    ).toEqual([])
  })

  it('has examples of both kinds', () => {
    expect(recognizer.examples.finds.length).toBeGreaterThan(2)
    expect(recognizer.examples.ignores.length).toBeGreaterThan(2)
  })
})

/** An example that one recognizer has to ignore because it belongs to another. */
function isMeant(text: string): boolean {
  return ['10.0.0.7:8080', '4111111111111111'].includes(text)
}

it('registers every recognizer file', () => {
  const registry = readFileSync(resolve(folder, 'registry.ts'), 'utf8')
  const files = globSync('recognizers/*.ts', { cwd: folder }).map((file) => basename(file))
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter((file) => !registry.includes(`./recognizers/${file}`))).toEqual([])
})
