import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runCli } from '../support/cli-process.ts'
import { eventually } from '../support/eventually.ts'
import { startSluiceUp } from '../support/sluice-up.ts'

/** With these leases nothing goes on before the test has given up, if it is the end of a lease that is waited for. */
const configuration = `
pools: { here: { residency: onprem } }
models: { sandbox: { deployments: [{ id: sandbox, pool: here, provider: sandbox, model: sandbox }] } }
tenants: { acme: { keys: ["\${SLUICE_API_KEY}"] } }
leases: { duration: 10m }
`

it('goes on with the call of an interactive job as soon as it is started again, when it was killed in the middle', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-up-kill-'))
  await writeFile(path.join(folder.path, 'sluice.yaml'), configuration)
  const body = { messages: [{ role: 'user', content: 'echo: still there' }], stream: true }
  const job = { model: 'sandbox', priority: 'interactive', input: { endpoint: '/v1/chat/completions', body } }

  const slow = { SANDBOX_TOKEN_DELAY_MS: '60000' }
  await using first = await startSluiceUp({ folder: folder.path, surroundings: slow })
  const headers = { authorization: `Bearer ${first.apiKey}`, 'content-type': 'application/json' }
  const made = await fetch(`${first.url}/v1/jobs`, { method: 'POST', headers, body: JSON.stringify(job) })
  const { id } = (await made.json()) as { id: string }
  await eventually('its call has begun', async () => {
    const view = await (await fetch(`${first.url}/v1/jobs/${id}`, { headers })).json()
    return (view as { status: string }).status === 'in_progress'
  })
  await first.kill()

  await using second = await startSluiceUp({ folder: folder.path })
  const answer = await fetch(`${second.url}/v1/jobs/${id}?wait=50`, { headers })
  expect(await answer.json()).toMatchObject({
    status: 'completed',
    attempts: [{ outcome: 'worker_lost' }, { outcome: 'completed' }],
    result: { choices: [{ message: { content: ' still there' } }] },
  })
}, 120_000)

it('ends with a word when its port is taken, and leaves nothing running', async () => {
  await using first = await startSluiceUp()
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-up-port-'))
  const { exitCode, stderr } = await runCli(['up', '--port', new URL(first.url).port], {
    cwd: folder.path,
    env: { LOG_LEVEL: 'warn' },
  })
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/^Port \d+ is in use; choose another/m),
  })
}, 60_000)
