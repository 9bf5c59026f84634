import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = 'test/fixtures/config/broken'
const secrets = { TEST_KEY: 'sk-key-from-environment', TEST_OTHER_KEY: 'sk-other-from-environment', TEST_EMPTY: '' }

const program = `
  import { Command } from 'commander'
  import { registerConfigCommand } from './src/cli/config.ts'
  const program = new Command('sluice')
  registerConfigCommand(program)
  await program.parseAsync()
`

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function runSluice(args: readonly string[], env: Record<string, string> = secrets): Promise<Outcome> {
  return new Promise((resolve) => {
    const node = ['--input-type=module', '--eval', program, '--', ...args]
    const child = execFile(process.execPath, node, { cwd: root, env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}

/** A broken file begins with what is expected: `# expect: LINE:COLUMN KEY: MESSAGE`, the message cut where it is long. */
function readExpectations(name: string): readonly string[] {
  const lines = readFileSync(join(root, folder, name), 'utf8').split('\n')
  return lines.flatMap((line) => /^# expect: (.*)$/.exec(line)?.[1] ?? [])
}

const brokenFiles = readdirSync(join(root, folder))

describe('sluice config check', () => {
  it('is tried on at least ten broken files', () => {
    expect(brokenFiles.length).toBeGreaterThanOrEqual(10)
  })

  it.each(brokenFiles)(
    'points at what is wrong in %s, says nothing else and shows no value of a variable',
    async (name) => {
      const file = `${folder}/${name}`
      const expectations = readExpectations(name)
      const { code, stdout, stderr } = await runSluice(['config', 'check', file])

      const lines = stdout.trimEnd().split('\n')
      expect(expectations.length).toBeGreaterThan(0)
      expect(lines.map((line, index) => line.slice(0, `${file}:${expectations[index]}`.length))).toEqual(
        expectations.map((expectation) => `${file}:${expectation}`),
      )
      expect(stdout).not.toContain('from-environment')
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    },
  )

  it('gives the same problems as JSON', async () => {
    const file = `${folder}/unknown-names.yaml`
    const { code, stdout } = await runSluice(['config', 'check', file, '--json'])
    const report = JSON.parse(stdout)
    expect(code).toBe(1)
    expect(report).toMatchObject({ ok: false, file, warnings: [], counts: null })
    expect(report.problems[1]).toEqual({
      file,
      line: 13,
      column: 18,
      key: 'models.a.deployments[0].pool',
      message: 'unknown pool "stduio"; allowed: studio, cloud; did you mean "studio"?',
    })
  })

  it('sums up a valid file and ends with code 0', async () => {
    const file = 'test/fixtures/config/valid.yaml'
    const { code, stdout, stderr } = await runSluice(['config', 'check', file])
    expect(stdout).toBe(`${file} is valid; pools: 2, models: 2, deployments: 3, tenants: 1, warnings: 0\n`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

    const json = await runSluice(['config', 'check', file, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      problems: [],
      warnings: [],
      counts: { pools: 2, models: 2, deployments: 3, tenants: 1 },
    })
  })

  it('takes the file from SLUICE_CONFIG when none is named', async () => {
    const env = { ...secrets, SLUICE_CONFIG: 'test/fixtures/config/valid.yaml' }
    expect((await runSluice(['config', 'check'], env)).stdout).toContain('valid.yaml is valid')
  })

  it('says so when there is no file', async () => {
    const { code, stdout } = await runSluice(['config', 'check'])
    expect(stdout).toBe('sluice.yaml:1:1 cannot be read: no such file or directory\n')
    expect(code).toBe(1)
  })
})

describe('sluice config schema', () => {
  it('prints the schema, on one line with --json', async () => {
    const pretty = await runSluice(['config', 'schema'])
    const compact = await runSluice(['config', 'schema', '--json'])
    expect(JSON.parse(pretty.stdout)).toEqual(JSON.parse(compact.stdout))
    expect(compact.stdout.trimEnd()).not.toContain('\n')
    expect(JSON.parse(compact.stdout).title).toBe('sluice.yaml')
  })
})
