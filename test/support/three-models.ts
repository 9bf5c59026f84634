import { startTestBroker } from './broker.ts'
import { eventually } from './eventually.ts'
import { SimulatedOllama } from './simulated-ollama.ts'

export interface ThreeModelsRun {
  readonly tookMs: number
  /** What the loads and the calls take by themselves, which a busy machine does not change. */
  readonly workMs: number
  readonly loads: number
  /** How long the job was kept from starting that was kept longest, in what the calls before it take by themselves. */
  readonly longestKeptMs: number
}

const models = ['a', 'b', 'c'] as const

/**
 * Jobs for three models that alternate, all there before the first is worked on, on one Ollama with room for one model.
 * Times are milliseconds of the real clock.
 */
export async function runThreeModels(options: {
  readonly jobs: number
  readonly loadMs: number
  readonly callMs: number
  readonly lookAhead: number
  readonly maxWaitMs: number
}): Promise<ThreeModelsRun> {
  const { jobs, loadMs, callMs, lookAhead, maxWaitMs } = options
  await using ollama = await SimulatedOllama.start({ models: models.map((name) => ({ name })), loadMs, callMs })
  const deployment = (name: string) => ({
    id: `studio-${name}`,
    pool: 'studio',
    provider: 'ollama' as const,
    model: name,
    base_url: ollama.url,
    free: true,
  })
  await using broker = await startTestBroker({
    config: {
      models: Object.fromEntries(models.map((name) => [name, { deployments: [deployment(name)] }])),
      nodes: { look_ahead: lookAhead, max_wait: `${maxWaitMs}ms` },
      leases: { duration: '30s' },
    },
  })
  const open = ollama.holdBack()
  for (let number = 0; number < jobs; number += 1) {
    const answer = await broker.send('/v1/jobs', {
      json: {
        model: models[number % models.length],
        input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: String(number) }] } },
      },
    })
    if (answer.status !== 202) throw new Error(`The job was refused: ${answer.status} ${await answer.text()}`)
    await answer.text()
  }
  await eventually('all are in their lane', async () => (await broker.redis.zcard('sluice:untaken')) === 0)
  const startedMs = Date.now()
  open()
  await eventually('all are done', () => ollama.calls.length === jobs, 300_000)
  await eventually('all have ended', async () => (await broker.redis.zcard('sluice:open')) === 0)
  const tookMs = Date.now() - startedMs
  const order = ollama.calls.map(({ prompt }) => Number(prompt))
  const overtakers = order.map((number, place) => order.slice(0, place).filter((other) => other > number).length)
  const loads = ollama.calls.filter(({ hadToLoad }) => hadToLoad).length
  return {
    tookMs,
    workMs: loads * loadMs + jobs * callMs,
    loads,
    longestKeptMs: Math.max(...overtakers) * callMs,
  }
}
