import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startDispatcher } from '../../src/compose/dispatcher.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { silentLog } from '../support/mortal.ts'

async function submit(broker: TestBroker, model: string, sensitivity: string, content = 'hello'): Promise<string> {
  const body = { messages: [{ role: 'user', content }] }
  const json = { model, sensitivity, input: { endpoint: '/v1/chat/completions', body } }
  const made = await broker.send('/v1/jobs', { json })
  return ((await made.json()) as { id: string }).id
}

const factOf = (broker: TestBroker, id: string, field: string) => broker.redis.hget(`sluice:job:${id}`, field)

/** A dispatcher of the pool `studio`, which is a cloud pool by its configuration. */
async function startCloudyStudio(broker: TestBroker): Promise<AsyncDisposable> {
  const pools = { ...broker.config.pools, studio: { residency: 'cloud' as const, node_tokens: [] } }
  const config = { ...broker.config, pools }
  const telemetry = await startTelemetry({ role: 'test', node: 'late', env: {} })
  const common = { redis: broker.server.url, vaultKey: null, adminKey: null, telemetry, log: silentLog }
  const role = await startDispatcher({ ...common, config, node: 'late' }, { pool: 'studio' })
  return {
    async [Symbol.asyncDispose]() {
      await role.stop(500)
      await telemetry.shutdown()
    },
  }
}

describe('a job whose pool has become a cloud pool since the audit', () => {
  it('is not called with what was found in it, and goes to who gets it masked', async () => {
    await using broker = await startTestBroker({
      redisPools: ['cloud'],
      models: {
        m: [
          { id: 'studio-m', pool: 'studio' },
          { id: 'cloud-m', pool: 'cloud' },
        ],
      },
      // No look says that nobody is there before the job is on its way.
      config: { nodes: { heartbeat: '1h' } },
    })
    const id = await submit(broker, 'm', 'internal', 'write to ada@example.com')
    const plain = await submit(broker, 'm', 'internal')
    for (const each of [id, plain]) {
      await eventually('it is audited', async () => (await factOf(broker, each, 'lane'))?.includes('studio'))
    }
    await using _studio = await startCloudyStudio(broker)
    for (const each of [id, plain]) {
      await eventually('it has ended', async () => (await factOf(broker, each, 'stage')) === 'completed')
    }
    expect(JSON.parse((await factOf(broker, id, 'attempts')) ?? '')).toMatchObject([
      { deployment: 'studio-m', outcome: 'unsupported' },
      { deployment: 'cloud-m', outcome: 'completed' },
    ])
    const prompts = broker.upstream.calls.map(({ deployment, prompt }) => `${deployment}: ${prompt}`)
    expect(prompts.toSorted()).toEqual(['cloud-m: write to <EMAIL_1>', 'studio-m: hello'])
  })
})

describe('a restricted job whose only server says nothing and may be anything', () => {
  it('is not handed to and fro while it waits', async () => {
    const nobody = createServer((socket) => socket.resetAndDestroy())
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void nobody.close())
    const url = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}/v1`
    const server = { provider: 'openai-compatible', model: 'm', base_url: url, free: true } as const
    await using broker = await startTestBroker({
      config: { models: { m: { deployments: [{ id: 'd', pool: 'studio', ...server }] } } },
    })
    const id = await submit(broker, 'm', 'restricted')
    const hopOf = async () => Number(await factOf(broker, id, 'hop'))
    await eventually('it was parked', async () => (await hopOf()) > 1)
    const before = await hopOf()
    await sleep(2_000)
    // Once for each look.
    expect((await hopOf()) - before).toBeLessThan(8)
  })
})
