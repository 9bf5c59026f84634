import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { detect, joinOverlaps } from '../../src/core/pii/detect.ts'
import { normalize, toOriginal } from '../../src/core/pii/normalize.ts'
import type { Finding } from '../../src/core/pii/recognizer.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { Scan } from '../../src/core/pii/scan.ts'

const folder = resolve(import.meta.dirname, '../../src/core/pii')

/** The example without its marks, and the stretch between them, if it has marks. */
function readExample(example: string): { text: string; stretch: { start: number; end: number } | null } {
  const start = example.indexOf('⟦')
  const end = example.indexOf('⟧') - 1
  const text = example.replace(/[⟦⟧]/g, '')
  return { text, stretch: start === -1 ? null : { start, end } }
}

describe.each(recognizers.map((recognizer, index) => [`${recognizer.entity} #${index}`, recognizer] as const))(
  '%s',
  (_title, recognizer) => {
    const { entity, examples } = recognizer

    it.each(examples.finds)('finds one in %j', (example) => {
      const { text, stretch } = readExample(example)
      const { scan, layers } = normalize(text)
      const found = toOriginal(text, layers, joinOverlaps(recognizer.find(scan)))
      const ofKind = found.filter((finding) => finding.entity === entity)
      expect(ofKind).toHaveLength(1)
      if (stretch) expect(ofKind).toMatchObject([stretch])
      // With all recognizers together it may have another name, but nothing of it stays.
      const isCovered = ({ start, end }: Finding) => detect(text).some((all) => all.start <= start && all.end >= end)
      expect(ofKind.every(isCovered)).toBe(true)
    })

    it.each(examples.ignores)('finds none in %j', (text) => {
      expect(recognizer.find(new Scan(text))).toEqual([])
    })

    it('finds nothing else than it says', () => {
      const texts = recognizers.flatMap(({ examples: { finds } }) => finds)
      const found = texts.flatMap((text) => recognizer.find(new Scan(text.replace(/[⟦⟧]/g, ''))))
      expect(found.filter((finding) => finding.entity !== recognizer.entity)).toEqual([])
    })

    it('has examples of both kinds', () => {
      expect(examples.finds.length).toBeGreaterThan(2)
      expect(examples.ignores.length).toBeGreaterThan(2)
    })
  },
)

it('registers every recognizer file', () => {
  const registry = readFileSync(resolve(folder, 'registry.ts'), 'utf8')
  const files = globSync('recognizers/*.ts', { cwd: folder }).map((file) => basename(file))
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter((file) => !registry.includes(`./recognizers/${file}`))).toEqual([])
})

/**
 * A text that one recognizer has to ignore may well hold what another one finds; this one says which do. A new pair here
 * is either meant, then it is added, or a pattern is too wide. Dates stand in many of them, and are dates.
 */
it('finds in the counter-examples of others only what is meant', () => {
  const pairs = recognizers
    .filter(({ entity }) => entity !== 'DATE')
    .flatMap((recognizer) =>
      recognizers
        .filter(({ entity }) => entity !== recognizer.entity && !knownByForm.has(recognizer.entity))
        .flatMap((other) => other.examples.ignores)
        .filter((text) => recognizer.find(new Scan(text)).length > 0)
        .map((text) => `${recognizer.entity}: ${text}`),
    )
  expect([...new Set(pairs)].filter((pair) => !meant.has(pair)).sort()).toEqual([])
})

/** Those look the same wherever they stand, so that examples are full of them. */
const knownByForm: ReadonlySet<string> = new Set(['IP', 'MAC', 'URL', 'EMAIL', 'DATE'])

const meant: ReadonlySet<string> = new Set([
  'CREDIT_CARD: 4111111111111111',
  'AGE: ein 17 Jahre alter',
  'PHONE: +1 123-45-6789-12',
  'PHONE: account +1 415 555 2671',
])
