import { beforeAll, expect, it } from 'vitest'
import { runExample } from '../support/example-process.ts'
import { countSeverities } from '../support/grep-severities.ts'
import { bringProgram, bringTimeoutMs } from '../support/programs.ts'
import { startSluiceUp } from '../support/sluice-up.ts'

const log = 'examples/logs/courier.log'
const command = `sh examples/curl.sh ${log}`
let curl: string | null
beforeAll(async () => {
  curl = await bringProgram('curl')
}, bringTimeoutMs)

it('examples/curl.sh does all that it says, twice in a row, and leaves no file behind', async ({ skip }) => {
  skip(curl === null, 'there is no curl')
  await using sluice = await startSluiceUp()
  for (const run of ['first', 'second']) {
    const { exitCode, stdout, stderr } = await runExample(command, sluice)
    expect(stderr, run).toBe('')
    expect(exitCode).toBe(0)
    await expectWholeRun(stdout)
  }
  const files = await fetch(`${sluice.url}/v1/files`, { headers: { authorization: `Bearer ${sluice.apiKey}` } })
  expect(await files.json()).toMatchObject({ data: [] })
}, 120_000)

it('stops at the first call, and says why, where key, model or server are wrong', async ({ skip }) => {
  skip(curl === null, 'there is no curl')
  await using sluice = await startSluiceUp()
  const wrongKey = await runExample(command, { ...sluice, apiKey: 'sk-wrong' })
  expect(wrongKey.exitCode).toBe(1)
  expect(wrongKey.stderr).toContain('The API key is not known here.')
  expect(wrongKey.stdout.match(/^== /gm)).toHaveLength(1)
  const wrongModel = await runExample(command, sluice, { MODEL: 'nope' })
  expect(wrongModel.exitCode).toBe(1)
  expect(wrongModel.stderr).toContain('GET /v1/models lists those that there are')
  await sluice.stop()
  const gone = await runExample(command, sluice)
  expect(gone.exitCode).toBe(1)
  expect(gone.stderr).toContain('Failed to connect')
}, 120_000)

async function expectWholeRun(stdout: string): Promise<void> {
  const parts = stdout.split(/^== /m).slice(1)
  const part = (start: string) => parts.find((text) => text.startsWith(start)) ?? `no part «${start}»`
  const { error, warn, info } = await countSeverities(log)
  expect(part('A chat')).toContain(`Lines by severity: error ${error}, warn ${warn}, info ${info}\n`)
  expect(part('A chat')).toMatch(/^x-sluice-deployment: sandbox/m)
  const deltas = [...part('The same as a stream').matchAll(/"content":"([^"]*)"/g)]
  expect(deltas.map((match) => match[1]).join('')).toBe(' one two three')
  expect(part('The same as a stream').trimEnd().endsWith('[DONE]')).toBe(true)
  expect(part('A job')).toMatch(/^job_[0-9a-f]{32}: completed$/m)

  // What was read before the cut and after it is every event once.
  const events = part('Its events')
  const seen = Number(/cut after event (\d+)/.exec(events)?.[1])
  const rest = [...events.matchAll(/^id: (\d+) event: (\S+)$/gm)].map((match) => ({
    id: Number(match[1]),
    type: match[2],
  }))
  expect(seen).toBeGreaterThan(0)
  expect(rest.map(({ id }) => id)).toEqual(rest.map((_event, index) => seen + 1 + index))
  expect(rest.at(-1)?.type).toBe('job.completed')

  const [first, second] = part('An Idempotency-Key').match(/job_[0-9a-f]{32}/g) ?? []
  expect(second).toBe(first)
  expect(part('An Idempotency-Key')).toMatch(/idempotency_key_reused[\s\S]*^422$/m)
  expect(part('Prefer')).toMatch(/^202 job_[0-9a-f]{32} (?:queued|in_progress|completed)$/m)
  expect(part('Many jobs')).toMatch(/^{"line":1,"id"[^\n]*\n{"line":2,"error"[^\n]*\n{"line":3,"id"/m)
  expect(part('A batch')).toMatch(/^batch_[0-9a-f]{32}: completed$/m)
  const answers = ['a', 'b', 'c'].map((name) => `"custom_id":"${name}" "content":" line ${name}"`)
  expect(part('A batch').match(/^"custom_id".*$/gm)).toEqual(answers)
  expect(part('Cancelling')).toMatch(/: (?:cancelled|completed)$/m)
  expect([...part('Errors').matchAll(/^(\d{3})$/gm)].map((match) => match[1])).toEqual(['401', '404', '400'])
  expect(part('Errors')).toContain('"param":"inputs"')
}
