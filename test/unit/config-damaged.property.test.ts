import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError, formatProblem } from '../../src/config/problems.ts'

const env = { TEST_KEY: 'sk-key-from-environment', TEST_OTHER_KEY: 'sk-other-from-environment' }

const damage = fc.record({
  at: fc.nat(),
  removed: fc.nat({ max: 12 }),
  inserted: fc.oneof(
    fc.constantFrom(
      '\n',
      '\t',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      ':',
      ': ',
      '- ',
      '#',
      '&a ',
      '*a',
      '|',
      '>',
      '!',
      '@',
      '%',
    ),
    fc.constantFrom(
      '${',
      '$${',
      `\${TEST_KEY}`,
      '${TEST_KEY',
      '${file:',
      '---\n',
      '<<: *patient',
      '__proto__: ',
      'null',
      '~',
    ),
    fc.string({ maxLength: 4, unit: 'binary' }),
  ),
})

it('a damaged file loads, or names problems within it and no value of a variable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'))
  const file = join(folder, 'sluice.yaml')
  const intact = await readFile(join(import.meta.dirname, '../fixtures/config/valid.yaml'), 'utf8')
  const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
    let text = intact
    for (const { at, removed, inserted } of damages) {
      const offset = at % (text.length + 1)
      text = text.slice(0, offset) + inserted + text.slice(offset + removed)
    }
    await writeFile(file, text)
    const error = await loadConfig({ file, env }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error === undefined) return
    if (!(error instanceof ConfigError)) throw error
    const lineCount = text.split('\n').length
    expect(error.problems.length).toBeGreaterThan(0)
    for (const problem of error.problems) {
      expect(problem.line).toBeGreaterThanOrEqual(1)
      expect(problem.line).toBeLessThanOrEqual(lineCount)
      expect(problem.column).toBeGreaterThanOrEqual(1)
      expect(formatProblem(problem)).not.toContain('from-environment')
    }
  })
  await fc.assert(property, { numRuns: 300 }).finally(() => rm(folder, { recursive: true }))
})
