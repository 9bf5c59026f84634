import { describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { SimulatedOllama } from '../support/simulated-ollama.ts'

const remote = { remote_host: 'https://ollama.com:443' }

interface Job {
  readonly status: string
  readonly attempts: readonly { deployment: string; outcome: string }[]
}

async function runJob(broker: TestBroker, sensitivity: string): Promise<Job> {
  const body = { messages: [{ role: 'user', content: 'hello' }] }
  const json = { model: 'm', sensitivity, input: { endpoint: '/v1/chat/completions', body } }
  const made = await broker.send('/v1/jobs', { json })
  const { id } = (await made.json()) as { id: string }
  return (await (await broker.send(`/v1/jobs/${id}?wait=30`)).json()) as Job
}

async function startStudio(ollamas: readonly SimulatedOllama[]): Promise<TestBroker> {
  const deployments = ollamas.map(({ url }, index) => ({
    id: `studio-${index}`,
    pool: 'studio',
    provider: 'ollama' as const,
    model: 'm',
    base_url: url,
    free: true,
  }))
  return startTestBroker({ config: { models: { m: { deployments } }, nodes: { heartbeat: '500ms' } } })
}

describe('a model of an on-premises pool that its Ollama hands on to a cloud', () => {
  it.each(['public', 'internal', 'restricted'])('is never asked what a job of class %s says', async (sensitivity) => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm:latest', ...remote }] })
    await using broker = await startStudio([ollama])
    expect(await runJob(broker, sensitivity)).toMatchObject({
      status: 'failed',
      attempts: [{ deployment: 'studio-0', outcome: 'unsupported' }],
    })
    expect(ollama.calls).toEqual([])
  })

  it('leaves its jobs to the next deployment, and says why in the list of nodes', async () => {
    await using elsewhere = await SimulatedOllama.start({ models: [{ name: 'm:latest', ...remote }] })
    await using here = await SimulatedOllama.start({ models: [{ name: 'm:latest' }] })
    await using broker = await startStudio([elsewhere, here])
    expect(await runJob(broker, 'restricted')).toMatchObject({ status: 'completed' })
    expect(elsewhere.calls).toEqual([])
    expect(here.calls).toHaveLength(1)
    const answer = await broker.send('/admin/v1/nodes', { headers: { authorization: `Bearer ${broker.adminKey}` } })
    expect(await answer.json()).toMatchObject({
      data: [
        { name: 'test-cloud' },
        {
          name: 'test-studio',
          deployments: [
            { id: 'studio-0', ready: false, serves_from: 'cloud', reason: expect.stringContaining('cloud') },
            { id: 'studio-1', ready: true, serves_from: 'here', reason: null },
          ],
        },
      ],
    })
  })

  it('gets nothing any more from the moment on at which the node sees it', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm:latest' }] })
    await using broker = await startStudio([ollama])
    expect(await runJob(broker, 'restricted')).toMatchObject({ status: 'completed' })
    const asked = ollama.asked.length
    ollama.models = [{ name: 'm:latest', ...remote }]
    // Two looks of four questions: the first may have begun before.
    await eventually('the node has looked again', () => ollama.asked.length >= asked + 8)
    expect(await runJob(broker, 'restricted')).toMatchObject({ status: 'failed' })
    expect(ollama.calls).toHaveLength(1)
  })
})

describe('a job whose only server is away', () => {
  it('waits for it, and runs when it is back', async () => {
    await using ollama = await SimulatedOllama.start({ models: [{ name: 'm:latest' }] })
    await using broker = await startStudio([ollama])
    await ollama.close()
    await eventually('the node has seen it', async () => {
      const answer = await broker.send('/admin/v1/nodes', { headers: { authorization: `Bearer ${broker.adminKey}` } })
      return (await answer.text()).includes('does not answer')
    })
    const ending = runJob(broker, 'restricted')
    await eventually('it waits', async () => {
      const answer = await broker.send('/admin/v1/lanes', { headers: { authorization: `Bearer ${broker.adminKey}` } })
      const { deployments } = (await answer.json()) as { deployments: { parked: number }[] }
      return deployments[0]?.parked === 1
    })
    await ollama.listen()
    expect(await ending).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] })
  })
})
