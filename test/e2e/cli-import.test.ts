import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli-process.ts'

const fixtures = path.resolve(import.meta.dirname, '../fixtures/import')

const clean = `
model_list:
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY }
`

describe('sluice config import', () => {
  it('prints a configuration that config check takes, and what it could not carry over beside it', async () => {
    await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-import-'))
    const file = path.join(fixtures, 'small-team.yaml')
    const { exitCode, stdout, stderr } = await runCli(['config', 'import', file], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^Not carried over \(3\):$/m)
    expect(stderr).toContain('litellm_settings.drop_params')
    await writeFile(path.join(folder.path, 'sluice.yaml'), stdout)

    const names = [...stdout.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, name = '']) => [name, `stand-in-${name}`])
    const checked = await runCli(['config', 'check'], { cwd: folder.path, env: Object.fromEntries(names) })
    expect(checked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is valid') })
    expect(checked.stdout).toContain('models: 4')
  })

  it('writes to a file that is not there yet, and leaves alone one that is', async () => {
    await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-import-'))
    await writeFile(path.join(folder.path, 'litellm.yaml'), clean)
    const words = ['config', 'import', 'litellm.yaml', '-o', 'sluice.yaml', '--strict']
    const first = await runCli(words, { cwd: folder.path })
    expect(first).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('litellm.yaml → sluice.yaml; lost: 0') })
    const written = await readFile(path.join(folder.path, 'sluice.yaml'), 'utf8')
    expect(written).toContain('provider: openai')
    const second = await runCli(words, { cwd: folder.path })
    expect(second).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is there already') })
    expect(await readFile(path.join(folder.path, 'sluice.yaml'), 'utf8')).toBe(written)
  })

  it('ends in 1 with --strict where a key was lost, and with a file that gives nothing', async () => {
    const strict = await runCli(['config', 'import', 'legacy.yaml', '--strict', '--json'], { cwd: fixtures })
    expect(strict.exitCode).toBe(1)
    const { ok, report, yaml } = JSON.parse(strict.stdout) as {
      ok: boolean
      report: { level: string; file: string }[]
      yaml: string
    }
    expect(ok).toBe(true)
    expect(yaml).toContain('archive:')
    expect(report.some(({ level, file }) => level === 'lost' && file === 'legacy.yaml')).toBe(true)
    expect((await runCli(['config', 'import', 'legacy.yaml', '--json'], { cwd: fixtures })).exitCode).toBe(0)
    const missing = await runCli(['config', 'import', 'nowhere.yaml'], { cwd: fixtures })
    expect(missing).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('nowhere.yaml:1:1 cannot be read') })
  })
})
