import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorRegistry } from '../src/core/errors.ts'

/** The repository keeps its own rules: what is written down twice must agree. */
const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const sources = globSync('{src,workers}/**/*.ts', { cwd: root })

describe('the error codes', () => {
  it('are those of docs/errors.md, with their statuses', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)]
    const expected = Object.entries(errorRegistry).map(([code, { status }]) => [code, String(status)])
    expect(documented.map((match) => [match[1], match[2]])).toEqual(expected)
  })

  it('never make a client wait longer than the 60 s that SDKs honour', () => {
    for (const [code, row] of Object.entries(errorRegistry)) {
      expect('retryAfterSeconds' in row ? row.retryAfterSeconds : 0, code).toBeLessThanOrEqual(60)
    }
  })

  it('are all used', () => {
    const text = sources.filter((file) => file !== 'src/core/errors.ts').map(read).join('\n')
    expect(Object.keys(errorRegistry).filter((code) => !text.includes(`'${code}'`))).toEqual([])
  })
})

describe('the source', () => {
  it('has no file past 400 lines', () => {
    expect(sources.filter((file) => read(file).split('\n').length > 400)).toEqual([])
  })

  it('has no default exports and no barrels', () => {
    const barrels = sources.filter((file) => file.endsWith('/index.ts') || /^export default/m.test(read(file)))
    expect(barrels).toEqual([])
  })
})

describe('the README', () => {
  it('names only npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = [...read('README.md').matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})
