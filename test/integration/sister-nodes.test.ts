import { describe, expect, it } from 'vitest'
import { startDispatcher } from '../../src/compose/dispatcher.ts'
import type { Config } from '../../src/config/schema.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { SimulatedOllama } from '../support/simulated-ollama.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const modelNames = ['a', 'b'] as const

/** A broker whose studio has a node with this Ollama; each model is served by nothing else. */
function startStudio(ollama: SimulatedOllama): Promise<TestBroker> {
  const deployment = (name: string) => ({
    id: `studio-${name}`,
    pool: 'studio',
    provider: 'ollama' as const,
    model: name,
    base_url: ollama.url,
    per_node: true,
    free: true,
  })
  return startTestBroker({
    config: {
      models: Object.fromEntries(modelNames.map((name) => [name, { deployments: [deployment(name)] }])),
      nodes: { heartbeat: '500ms' },
    },
  })
}

/** One more node of the studio: on its machine the same address leads to another Ollama. */
async function addNode(broker: TestBroker, ollama: SimulatedOllama): Promise<AsyncDisposable> {
  const models = Object.entries(broker.config.models).map(([name, model]): [string, Config['models'][string]] => [
    name,
    { ...model, deployments: model.deployments.map((each) => ({ ...each, base_url: ollama.url })) },
  ])
  const telemetry = await startTelemetry({ role: 'test', node: 'sister', env: {} })
  const config = { ...broker.config, models: Object.fromEntries(models) }
  const common = { redis: broker.server.url, vaultKey: null, adminKey: null, telemetry, log: silent }
  const role = await startDispatcher({ ...common, config, node: 'sister' }, { pool: 'studio' })
  return {
    async [Symbol.asyncDispose]() {
      await role.stop(500)
      await telemetry.shutdown()
    },
  }
}

async function submit(broker: TestBroker, model: string): Promise<string> {
  const body = { messages: [{ role: 'user', content: 'hello' }] }
  const json = { model, sensitivity: 'restricted', input: { endpoint: '/v1/chat/completions', body } }
  const made = await broker.send('/v1/jobs', { json })
  return ((await made.json()) as { id: string }).id
}

async function endOf(broker: TestBroker, id: string): Promise<{ status: string; attempts: { outcome: string }[] }> {
  const ended = await broker.send(`/v1/jobs/${id}?wait=30`)
  return (await ended.json()) as { status: string; attempts: { outcome: string }[] }
}

describe('two nodes of a pool', () => {
  it('leave all jobs to the one whose server is there, without an attempt that fails', async () => {
    await using dead = await SimulatedOllama.start({ models: [{ name: 'a' }] })
    await using alive = await SimulatedOllama.start({ models: [{ name: 'a' }, { name: 'b' }], callMs: 10 })
    await using broker = await startStudio(dead)
    await using _sister = await addNode(broker, alive)
    await dead.close()
    await eventually('the node has seen it', async () => {
      const answer = await broker.send('/admin/v1/nodes', { headers: { authorization: `Bearer ${broker.adminKey}` } })
      return (await answer.text()).includes('does not answer')
    })
    const ids = await Promise.all(Array.from({ length: 20 }, () => submit(broker, 'a')))
    for (const end of await Promise.all(ids.map((id) => endOf(broker, id)))) {
      expect(end).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] })
    }
    await dead.listen()
  })

  it('serve what one of them has not got by the other one, and share the rest', async () => {
    await using poor = await SimulatedOllama.start({ models: [{ name: 'a' }], callMs: 10 })
    await using rich = await SimulatedOllama.start({ models: [{ name: 'a' }, { name: 'b' }], callMs: 10 })
    await using broker = await startStudio(poor)
    await using _sister = await addNode(broker, rich)
    const ids = await Promise.all(Array.from({ length: 40 }, (_, number) => submit(broker, number % 2 ? 'a' : 'b')))
    for (const end of await Promise.all(ids.map((id) => endOf(broker, id)))) {
      expect(end).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] })
    }
    expect(poor.calls.filter(({ model }) => model === 'b')).toEqual([])
    expect(poor.calls.length).toBeGreaterThan(0)
    expect(poor.calls.length + rich.calls.length).toBe(40)
  })
})
