import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { type CliEnd, runCli } from '../support/cli-process.ts'

function mask(stdin: string, ...words: string[]): Promise<CliEnd> {
  return runCli(['mask', ...words], { cwd: tmpdir(), stdin })
}

interface Line {
  readonly masked: string
  readonly findings: readonly { start: number; end: number; label: string; score: number }[]
}

function readLines(stdout: string): Line[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

describe('sluice mask', () => {
  it('masks text, the same value by the same placeholder', async () => {
    const { stdout, stderr, exitCode } = await mask('from ada@example.com\nto bob@example.com, ada@example.com')
    expect(stdout).toBe('from <EMAIL_1>\nto <EMAIL_2>, <EMAIL_1>')
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
  })

  it('masks the text of each JSON line by itself and says where it found what', async () => {
    const texts = ['😀 mail ada@example.com!', 'nothing', 'bob@example.com']
    const { stdout, exitCode } = await mask(texts.map((text) => JSON.stringify({ text, id: 7 })).join('\n'))
    const lines = readLines(stdout)
    expect(lines.map(({ masked }) => masked)).toEqual(['😀 mail <EMAIL_1>!', 'nothing', '<EMAIL_1>'])
    const [finding] = lines[0]?.findings ?? []
    expect(finding).toMatchObject({ label: 'EMAIL', score: expect.any(Number) })
    expect(texts[0]?.slice(finding?.start, finding?.end)).toBe('ada@example.com')
    expect(exitCode).toBe(0)
  })

  it('prints JSON for text when asked to', async () => {
    const text = 'call +49 30 901820\nor write to ada@example.com\n'
    const { stdout } = await mask(text, '--json')
    const [line, ...more] = readLines(stdout)
    expect(more).toEqual([])
    expect(line?.masked).toBe('call <PHONE_1>\nor write to <EMAIL_1>\n')
    const found = line?.findings.map(({ label, start, end }) => `${label} ${text.slice(start, end)}`)
    expect(found).toEqual(['PHONE +49 30 901820', 'EMAIL ada@example.com'])
  })

  it('looks for what the profile names', async () => {
    const text = 'from 203.0.113.7: ada@example.com'
    expect((await mask(text, '--profile', 'minimal')).stdout).toBe('from 203.0.113.7: <EMAIL_1>')
    expect((await mask(text, '--profile', 'logs')).stdout).toBe('from <IP_1>: <EMAIL_1>')
  })

  it('leaves out a line that it cannot read, names it on stderr, and fails', async () => {
    const { stdout, stderr, exitCode } = await mask('{"text":"a@example.com"}\n{"text":\n{"note":"b@example.com"}\n')
    expect(readLines(stdout)).toHaveLength(1)
    expect(stderr).toMatch(/^line 2: .*\nline 3: .*\n$/)
    expect(stderr).not.toContain('example.com')
    expect(exitCode).toBe(1)
  })

  it('refuses a profile that there is not', async () => {
    const { stdout, stderr, exitCode } = await mask('x', '--profile', 'nope')
    expect(stdout).toBe('')
    expect(stderr).toContain('minimal')
    expect(exitCode).toBe(2)
  })

  it('takes nothing for nothing', async () => {
    expect(await mask('')).toEqual({ stdout: '', stderr: '', exitCode: 0 })
    expect(await mask('{ "a": 1 }')).toMatchObject({ stdout: '{ "a": 1 }', exitCode: 0 })
  })

  it('tears no value and no key where it cuts a long text, and knows a value again after the cut', async () => {
    const line = 'ordinary line of a log, nothing to see here, 12345\n'
    const key = `-----BEGIN PRIVATE KEY-----\n${'QUJDREVGR0g1Njc4'.repeat(60)}\n-----END PRIVATE KEY-----\n`
    const head = 'first ada@example.com\n'
    const before = head + line.repeat(Math.floor((1_048_576 - head.length - key.length / 2) / line.length))
    const rest = `${line.repeat(30_000)}last ada@example.com\n`
    const { stdout } = await mask(before + key + rest, '--profile', 'logs')
    const expected = before + key + rest
    expect(stdout).toBe(expected.replaceAll('ada@example.com', '<EMAIL_1>').replace(key.trimEnd(), '<SECRET_1>'))
  })
})
