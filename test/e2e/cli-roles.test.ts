import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli-process.ts'
import { startTestRedis } from '../support/redis.ts'

const config = `
pools: { studio: { residency: onprem } }
models:
  m: { deployments: [{ id: a, pool: studio, provider: ollama, model: m, free: true }] }
`

describe('sluice dispatcher', () => {
  it('says in one line which pools there are', async () => {
    await using redis = await startTestRedis()
    await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-roles-'))
    await writeFile(path.join(folder.path, 'sluice.yaml'), config)
    const { exitCode, stderr } = await runCli(['dispatcher', '--pool', 'stduio'], {
      cwd: folder.path,
      env: { REDIS_URL: redis.url },
    })
    expect(exitCode).toBe(1)
    expect(stderr.split('\n')).toContain('There is no pool "stduio" in the configuration; known: studio.')
    expect(stderr).not.toContain('    at ')
  })

  it('takes no name that would have to be escaped elsewhere', async () => {
    const { exitCode, stderr } = await runCli(['dispatcher', '--pool', 'studio', '--node', 'mac 2'], { cwd: tmpdir() })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('Expected 1 to 100 letters, digits')
  })
})
