import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

/**
 * Who may import whom, by the first folder below `src/`. An import that needs a row that is not here is a design
 * conversation; its outcome is a file in `docs/decisions/`.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ['core', 'pricing'],
  telemetry: ['core'],
  store: ['core', 'disk'],
  archive: ['core', 'disk'],
  pricing: ['core'],
  detectors: ['core'],
  queue: ['core', 'store'],
  providers: ['core'],
  node: ['core'],
  delivery: ['core', 'store'],
  sandbox: [],
  pipeline: ['core', 'protocol'],
  protocol: ['core'],
  remote: ['core', 'protocol'],
  http: ['core', 'pipeline', 'protocol', 'delivery'],
  compose: [
    'core',
    'config',
    'telemetry',
    'store',
    'archive',
    'pricing',
    'queue',
    'detectors',
    'providers',
    'node',
    'delivery',
    'pipeline',
    'protocol',
    'remote',
    'http',
    'version',
  ],
  process: ['core', 'config', 'telemetry', 'store', 'compose'],
  cli: ['core', 'config', 'telemetry', 'store', 'archive', 'delivery', 'compose', 'process', 'version'],
  disk: [],
  version: [],
}

/** Libraries that only one place may know. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['store'],
  bullmq: ['queue'],
  ioredis: ['store', 'queue', 'compose', 'delivery'],
  fastify: ['http'],
  '@fastify/multipart': ['http'],
  undici: ['node', 'providers', 'delivery', 'detectors', 'process', 'cli', 'remote'],
  pino: ['telemetry'],
  commander: ['cli'],
  '@opentelemetry/api': ['telemetry'],
}

const root = resolve(import.meta.dirname, '..')
const files = globSync('src/**/*.ts', { cwd: root })
const importPattern = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

interface Import {
  readonly file: string
  readonly from: string
  readonly target: string
}

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(importPattern)].map((match) => ({
    file,
    from: areaOf(file),
    target: match[1] ?? match[2] ?? '',
  }))
})

function areaOf(file: string): string {
  return file.split('/')[1]?.replace(/\.ts$/, '') ?? ''
}

describe('module boundaries', () => {
  it('are checked on real imports', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(imports.length).toBeGreaterThan(200)
  })

  it('know every folder', () => {
    expect([...new Set(files.map(areaOf))].filter((area) => !(area in allowed))).toEqual([])
  })

  it('let each folder import only what its row names', () => {
    const violations = imports
      .filter(({ target }) => target.startsWith('.'))
      .map((each) => ({ ...each, to: relative(root, resolve(root, dirname(each.file), each.target)) }))
      .filter(({ to }) => to.startsWith('src/'))
      .filter(({ from, to }) => areaOf(to) !== from && !allowed[from]?.includes(areaOf(to)))
      .map(({ file, to }) => `${file} → ${to}`)
    expect(violations).toEqual([])
  })

  it('keep each library in its home', () => {
    const violations = imports
      .filter(({ from, target }) => homes[target] && !homes[target].includes(from))
      .map(({ file, target }) => `${file} → ${target}`)
    expect(violations).toEqual([])
  })
})
