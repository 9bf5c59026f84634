import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startSluiceUp } from '../support/sluice-up.ts'

const root = resolve(import.meta.dirname, '../..')

it('examples/batch-summaries.ts summarises every log that it is given', async () => {
  await using sluice = await startSluiceUp()
  const logs = globSync('examples/logs/*.log', { cwd: root })
  expect(logs.length).toBeGreaterThan(4)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['examples/batch-summaries.ts', ...logs], {
    cwd: root,
    env: { PATH: process.env.PATH, SLUICE_URL: sluice.url, SLUICE_API_KEY: sluice.apiKey },
  })
  expect([...stdout.matchAll(/^## (.*)$/gm)].map((match) => match[1]).sort()).toEqual(
    logs.map((log) => basename(log)).sort(),
  )
  // What the sandbox found in a log, not only that it said something.
  const ofRedis = /^## redis\.log\n([\s\S]*?)(?:^## |$(?![\s\S]))/m.exec(stdout)?.[1] ?? ''
  expect(ofRedis).toMatch(/redis/i)
  expect(stderr).toContain(`completed: ${logs.length} of ${logs.length}`)
}, 60_000)
