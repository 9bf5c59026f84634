import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import type { ConfigInput } from '../../src/config/schema.ts'
import { isBatchId } from '../../src/core/batch.ts'
import { keys } from '../../src/store/keys.ts'
import { batchLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { type ChatScript, echo } from '../support/chat-upstream.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

const lineCount = 400
const early = 30
const concurrency = 20

/** The first lines are answered; the others hang until their process ends, and are answered from then on. */
function hanging(): { script: ChatScript; release: () => void } {
  let isReleased = false
  return {
    script: (call, response) => {
      if (isReleased || Number(call.prompt.split(' ')[1]) < early) return echo(call, response)
    },
    release: () => {
      isReleased = true
    },
  }
}

const start = () => startCluster({ script: () => {}, leaseDuration: '1s', concurrency })
const clientOf = ({ url, config }: Cluster) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: config.tenants.acme?.keys[0]?.key.reveal() ?? '', maxRetries: 5 })

/** A batch that has its first outcomes, and hangs. */
async function runningBatch(cluster: Cluster, headers: Record<string, string> = {}) {
  const { script, release } = hanging()
  cluster.upstream.script = script
  const client = clientOf(cluster)
  const lines = Array.from({ length: lineCount }, (_, index) =>
    batchLine(`l${index}`, `echo: ${index}`, { model: 'fleet' }),
  )
  const { id } = await startBatch(client.withOptions({ defaultHeaders: headers }), lines)
  await eventually('the first outcomes count', async () => {
    return (await client.batches.retrieve(id)).request_counts?.completed === early
  })
  release()
  return { client, id }
}

async function outcomesOf(client: OpenAI, batch: OpenAI.Batch) {
  const answers = await readOutcomes(client, batch.output_file_id)
  const failures = await readOutcomes(client, batch.error_file_id)
  expect(new Set([...answers, ...failures].map(({ custom_id: name }) => name)).size).toBe(lineCount)
  expect(answers.length + failures.length).toBe(lineCount)
  return { answers, codes: new Set(failures.map(({ response }) => response?.body.error?.code)) }
}

const noneIsOpen = ({ redis }: Cluster) =>
  eventually('nothing is open', async () => (await redis.zcard(keys.open)) === 0, 30_000)

describe('a batch that runs while the configuration changes', () => {
  it('that has lost its model ends with an outcome for each line', async () => {
    await using cluster = await start()
    const { client, id } = await runningBatch(cluster)
    await cluster.reconfigure((config) => {
      const { fleet } = config.models ?? {}
      return { ...config, models: { other: fleet } } as ConfigInput
    })
    const batch = await untilEnded(client, id, 60_000)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: lineCount } })
    const { answers, codes } = await outcomesOf(client, batch)
    expect(answers.length).toBeGreaterThanOrEqual(early)
    expect([...codes]).toEqual(['model_not_found'])
    await noneIsOpen(cluster)
  }, 120_000)

  it('that has lost its tenant ends all the same, and costs nobody anything more', async () => {
    await using cluster = await start()
    const { id } = await runningBatch(cluster)
    await cluster.reconfigure((config) => ({ ...config, tenants: { other: { keys: ['sk-test-other-0123456789'] } } }))
    const fields = await eventually(
      'the batch has ended',
      async () => {
        const batch = isBatchId(id) ? await cluster.redis.hgetall(keys.batch(id)) : null
        return batch?.status === 'completed' && batch
      },
      60_000,
    )
    expect(Number(fields.completed_lines) + Number(fields.failed_lines)).toBe(lineCount)
    expect(Number(fields.failed_lines)).toBeGreaterThan(lineCount / 4)
    await noneIsOpen(cluster)
  }, 120_000)

  it('that has lost the only pool that may serve it fails what waits there, and says why', async () => {
    await using cluster = await start()
    const { client, id } = await runningBatch(cluster, { 'x-sluice-sensitivity': 'restricted' })
    await cluster.reconfigure((config) => {
      const { studio: _, ...pools } = config.pools ?? {}
      const { fleet } = config.models ?? {}
      const deployments = fleet?.deployments.filter(({ pool }) => pool !== 'studio') ?? []
      return { ...config, pools, models: { fleet: { ...fleet, deployments } } } as ConfigInput
    })
    const batch = await untilEnded(client, id, 60_000)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: lineCount, completed: early } })
    const { codes } = await outcomesOf(client, batch)
    // Those that waited for the pool, and those that came too late for it.
    expect([...codes].sort()).toEqual(['no_eligible_deployment', 'unprocessable_job'])
    await noneIsOpen(cluster)
  }, 120_000)
})
