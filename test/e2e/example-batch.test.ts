import { globSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../support/example-process.ts'
import { countSeverities } from '../support/grep-severities.ts'
import { startSluiceUp } from '../support/sluice-up.ts'

const root = resolve(import.meta.dirname, '../..')
const program = 'node examples/batch-summaries.ts'

it('examples/batch-summaries.ts summarises every log that it is given', async () => {
  await using sluice = await startSluiceUp()
  const logs = globSync('examples/logs/*.log', { cwd: root })
  expect(logs.length).toBeGreaterThan(4)
  const { exitCode, stdout, stderr } = await runExample(`${program} examples/logs/*.log`, sluice)
  expect(exitCode, stderr).toBe(0)
  expect(stderr).toContain(`completed: ${logs.length} of ${logs.length}`)
  expect([...stdout.matchAll(/^## (.*)$/gm)].map((match) => match[1]).sort()).toEqual(
    logs.map((log) => basename(log)).sort(),
  )
  // What the sandbox found in a log, not only that it said something.
  const { warn } = await countSeverities('examples/logs/redis.log')
  const ofRedis = /^## redis\.log\n([\s\S]*?)(?:^## |$(?![\s\S]))/m.exec(stdout)?.[1] ?? ''
  expect(ofRedis).toContain('- 106 lines')
  expect(ofRedis).toContain(`- Lines by severity: warn ${warn}, `)
  expect(ofRedis).toContain('Redis is starting')
}, 60_000)

it('says what is wrong with a key, a model, a file, without a stack', async () => {
  await using sluice = await startSluiceUp()
  const wrongKey = await runExample(`${program} examples/logs/redis.log`, { ...sluice, apiKey: 'sk-wrong' })
  expect(wrongKey).toEqual({ exitCode: 1, stdout: '', stderr: '401 The API key is not known here.\n' })
  const wrongModel = await runExample(`${program} examples/logs/redis.log`, sluice, { MODEL: 'nope' })
  expect(wrongModel).toMatchObject({ exitCode: 1, stdout: '' })
  expect(wrongModel.stderr).toMatch(/^line 1: model_not_found: /m)
  const noFile = await runExample(`${program} no-such-file`, sluice)
  expect(noFile).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('ENOENT') })
}, 60_000)
