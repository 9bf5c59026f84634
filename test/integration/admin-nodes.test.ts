import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectErrorShape } from '../support/api-errors.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { runCli } from '../support/cli-process.ts'
import { eventually } from '../support/eventually.ts'
import { SimulatedOllama } from '../support/simulated-ollama.ts'

let ollama: SimulatedOllama
let broker: TestBroker

beforeAll(async () => {
  ollama = await SimulatedOllama.start({ models: [{ name: 'llama3.1:latest' }] })
  const deployment = { pool: 'studio', provider: 'ollama' as const, base_url: ollama.url, free: true }
  const deployments = [
    { ...deployment, id: 'llama', model: 'llama3.1' },
    { ...deployment, id: 'missing', model: 'qwen3:8b' },
  ]
  broker = await startTestBroker({ config: { models: { m: { deployments } }, nodes: { heartbeat: '500ms' } } })
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await ollama[Symbol.asyncDispose]()
})

const asOperator = () => ({ tenant: null, headers: { authorization: `Bearer ${broker.adminKey}` } })

async function sluice(...words: string[]) {
  const env = { SLUICE_ADMIN_KEY: broker.adminKey, SLUICE_URL: broker.url }
  const { exitCode, stdout, stderr } = await runCli(words, { cwd: tmpdir(), env })
  return { exitCode, stdout, stderr }
}

async function statusOf(name: string): Promise<string | undefined> {
  const answer = await broker.send('/admin/v1/nodes', asOperator())
  const { data } = (await answer.json()) as { data: { name: string; status: string }[] }
  return data.find((node) => node.name === name)?.status
}

describe('nodes, for operators', () => {
  it('are listed with their deployments, and why one takes no jobs', async () => {
    const answer = await broker.send('/admin/v1/nodes', asOperator())
    expect(await answer.json()).toMatchObject({
      object: 'list',
      data: [
        { name: 'test-cloud', pool: 'cloud', status: 'ready', deployments: [], runtimes: [] },
        {
          name: 'test-studio',
          pool: 'studio',
          status: 'ready',
          transport: 'redis',
          deployments: [
            { id: 'llama', ready: true, reason: null, loaded: false, serves_from: 'here' },
            { id: 'missing', ready: false, reason: 'the server has no model qwen3:8b' },
          ],
          runtimes: [{ kind: 'ollama', version: '0.30.1', url: ollama.url, models: [{ name: 'llama3.1:latest' }] }],
        },
      ],
    })
    const shown = await sluice('nodes')
    expect(shown.exitCode).toBe(0)
    expect(shown.stdout).toMatch(/test-studio +studio +ready +redis +0\/2/)
    expect(shown.stdout).toMatch(/test-studio +missing +no +no +the server has no model qwen3:8b/)
    expect(JSON.parse((await sluice('nodes', 'list', '--json')).stdout).data).toHaveLength(2)
  })

  it('are drained and set to work again', async () => {
    expect((await sluice('nodes', 'drain', 'test-studio')).exitCode).toBe(0)
    await eventually('it drains', async () => (await statusOf('test-studio')) === 'draining')
    const body = { messages: [{ role: 'user', content: 'hello' }] }
    const json = { model: 'm', input: { endpoint: '/v1/chat/completions', body } }
    const { id } = (await (await broker.send('/v1/jobs', { json })).json()) as { id: string }
    const lanes = await eventually('it waits in its lane', async () => {
      const answer = await broker.send('/admin/v1/lanes', asOperator())
      const { data } = (await answer.json()) as { data: { pool: string; waiting: number }[] }
      return data.some(({ pool, waiting }) => pool === 'studio' && waiting === 1) && (await sluice('lanes')).stdout
    })
    expect(lanes).toMatch(/studio +internal +standard +1/)
    expect(lanes).toMatch(/llama@test-studio +studio +closed +0 +0/)
    expect((await sluice('nodes', 'resume', 'test-studio')).exitCode).toBe(0)
    const ended = await broker.send(`/v1/jobs/${id}?wait=30`)
    expect(await ended.json()).toMatchObject({ status: 'completed' })
  })

  it('are not found where there is none of that name', async () => {
    for (const verb of ['drain', 'resume']) {
      const answer = await broker.send(`/admin/v1/nodes/nobody/${verb}`, { ...asOperator(), method: 'POST' })
      expect(answer.status).toBe(404)
      expect(expectErrorShape(await answer.text()).error.code).toBe('node_not_found')
    }
    expect((await sluice('nodes', 'drain', 'nobody')).exitCode).toBe(1)
  })

  it('are the operator’s business only', async () => {
    for (const path of ['/admin/v1/nodes', '/admin/v1/lanes']) {
      expect((await broker.send(path)).status).toBe(401)
    }
    expect((await broker.send('/admin/v1/nodes/test-studio/drain', { method: 'POST' })).status).toBe(401)
  })
})
