import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { runExample } from '../support/example-process.ts'
import { startSluiceUp } from '../support/sluice-up.ts'

const log = 'examples/logs/api.log'
const command = `node examples/langchain.ts ${log}`

it('examples/langchain.ts reports on a long log, piece by piece and behind the chats of others', async () => {
  await using sluice = await startSluiceUp()
  const { exitCode, stdout, stderr } = await runExample(command, sluice)
  expect(exitCode, stderr).toBe(0)

  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  const pieces = Math.ceil(lines.length / 100)
  expect(pieces).toBeGreaterThan(20)
  expect(stderr).toContain(`${pieces} pieces`)
  expect(stderr).toContain(`${lines.length} lines`)
  for (const message of ['reader left', 'Redis is away', 'Redis is back']) {
    const { length: count } = lines.filter((line) => line.includes(`"msg":"${message}"`))
    expect(count, message).toBeGreaterThan(0)
    expect(stdout).toMatch(new RegExp(`: ${message} × ${count}$`, 'm'))
  }
  // The report itself, which the sandbox makes of those lines.
  expect(stdout.slice(stdout.indexOf('**Log summary**'))).toContain('warn: Redis is away')

  const answer = await fetch(`${sluice.url}/v1/jobs?limit=100`, {
    headers: { authorization: `Bearer ${sluice.apiKey}` },
  })
  const { data } = (await answer.json()) as { data: { status: string; priority: string }[] }
  const completed = data.filter(({ status }) => status === 'completed').map(({ priority }) => priority)
  expect(completed.filter((priority) => priority === 'batch').length).toBeGreaterThanOrEqual(pieces)
  expect(completed.filter((priority) => priority !== 'batch')).toEqual(['interactive'])

  const wrong = await runExample(command, { ...sluice, apiKey: 'sk-wrong' })
  expect(wrong).toMatchObject({ exitCode: 1, stdout: '' })
  expect(wrong.stderr).toContain('401 The API key is not known here.')
  expect(wrong.stderr).not.toContain('    at ')
}, 60_000)
