import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type CliEnd, runCli } from '../support/cli-process.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(() => broker[Symbol.asyncDispose]())

function sluice(...words: string[]): Promise<CliEnd> {
  const env = { SLUICE_URL: broker.url, SLUICE_ADMIN_KEY: broker.adminKey, SLUICE_API_KEY: broker.keys.acme }
  return runCli(words, { cwd: tmpdir(), env })
}

async function chat(): Promise<string> {
  const json = { model: 'local', messages: [{ role: 'user', content: 'echo: hello' }] }
  const answer = await broker.send('/v1/chat/completions', { json })
  await answer.body?.cancel()
  return answer.headers.get('x-sluice-job-id') ?? ''
}

const statusOf = async (id: string) => (await broker.send(`/v1/jobs/${id}`)).status

describe('sluice tenants', () => {
  it('lists them with what there is of each', async () => {
    await chat()
    const { exitCode, stdout } = await sluice('tenants')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^Tenant +Jobs +Files +Batches +Endpoints$/m)
    expect(stdout).toMatch(/^acme +[1-9]\d* +0 +0 +0$/m)
    expect(stdout).toMatch(/^globex +0 +0 +0 +0$/m)
  }, 60_000)

  it('erases nothing that it was not told to twice', async () => {
    const id = await chat()
    const unsure = await sluice('tenants', 'erase', 'acme')
    expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/no terminal.*--yes/) })
    const unknown = await sluice('tenants', 'erase', 'acmee', '--yes', '--json')
    expect(unknown.exitCode).toBe(1)
    expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: 'tenant_not_found' } })
    expect(await statusOf(id)).toBe(200)
  }, 60_000)

  it('erases all of a tenant, and says what, and what is kept', async () => {
    const id = await chat()
    const { exitCode, stdout } = await sluice('tenants', 'erase', 'acme', '--yes')
    expect(exitCode, stdout).toBe(0)
    expect(stdout).toMatch(/^jobs +[1-9]\d*$/m)
    expect(stdout).toMatch(/^bytes +0 B$/m)
    expect(stdout).toMatch(/^ledger +What each call of a model cost/m)
    expect(stdout).toMatch(/^Nothing else is left of what acme made before \d{4}-/m)
    expect(await statusOf(id)).toBe(404)
    const again = JSON.parse((await sluice('tenants', 'erase', 'acme', '--yes', '--json')).stdout)
    expect(again).toMatchObject({ tenant: 'acme', complete: true, deleted: { jobs: 0 } })
  }, 60_000)
})

describe('sluice jobs delete', () => {
  it('deletes those that there are, and says which there are not', async () => {
    const id = await chat()
    const { exitCode, stdout } = await sluice('jobs', 'delete', id, 'job_nothing')
    expect(exitCode).toBe(1)
    expect(stdout).toBe(`${id}  deleted\njob_nothing  No such job for this key.\n`)
    expect(await statusOf(id)).toBe(404)
  }, 60_000)
})
