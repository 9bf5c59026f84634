import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { batchLine, type OutcomeLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { chunkRecord, completion, lastRecords } from '../support/chat-upstream.ts'
import { type Cluster, type ProcessName, startCluster } from '../support/cluster.ts'
import { startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { eventually } from '../support/eventually.ts'
import { Seeded } from '../support/seeded.ts'

const lineCount = 2_000
const killsAtMost = 16
/** Every so manieth line is refused by the upstream: it must not hold up the others. */
const refusedEvery = 100
const victims: [ProcessName, ...ProcessName[]] = ['courier', 'courier', 'courier', 'studio', 'cloud', 'auditor', 'api']

/**
 * What is promised: each line of a batch has exactly one outcome, whichever process dies when. Couriers die most often:
 * they feed the lines, and write what became of them.
 */
describe('kill -9 during a batch', () => {
  it('leaves each of its lines with exactly one outcome, and one webhook for the batch', async () => {
    const random = new Seeded('kill everybody during a batch')
    await using cluster = await startCluster({
      script: async (call, response) => {
        await sleep(random.between(5, 60))
        if (call.prompt.startsWith('refuse')) return void response.writeHead(400).end('{"error":{"message":"no"}}')
        const answer = `${call.prompt} was read`
        if (!call.stream)
          return void response.writeHead(200, { 'content-type': 'application/json' }).end(completion(answer))
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(chunkRecord({ content: answer }) + lastRecords())
      },
      leaseDuration: '1s',
      concurrency: 50,
    })
    const client = clientOf(cluster)
    await using receiver = await startEndpointReceiver()
    const made = await cluster.send('/v1/webhooks/endpoints', { url: receiver.url, events: ['batch.*'] })
    expect(made.status).toBe(201)
    const lines = Array.from({ length: lineCount }, (_, index) =>
      batchLine(`line-${index}`, promptOf(index), { model: 'fleet' }),
    )
    const batch = await startBatch(client, lines)
    const kills = await killUntilEnded(cluster, client, batch.id, random)
    const ended = await untilEnded(client, batch.id, 90_000)

    const refused = lineCount / refusedEvery
    expect(ended.status).toBe('completed')
    expect(ended.request_counts).toEqual({ total: lineCount, completed: lineCount - refused, failed: refused })
    const answers = await readOutcomes(client, ended.output_file_id)
    const failures = await readOutcomes(client, ended.error_file_id)
    expect(answers.map(nameOf).sort()).toEqual(namesWhere((index) => index % refusedEvery !== 0))
    expect(failures.map(nameOf).sort()).toEqual(namesWhere((index) => index % refusedEvery === 0))
    for (const { custom_id: id, response } of answers) {
      expect(response?.body.choices?.[0]?.message.content).toBe(`${promptOf(Number(id.split('-')[1]))} was read`)
    }
    expect(new Set(failures.map(({ response }) => response?.status_code))).toEqual(new Set([400]))
    await eventually('the webhook comes', () => receiver.received.length > 0)
    const told = receiver.received.map(({ event, headers }) => [event.type, event.data.id, headers['webhook-id']])
    const [[, , webhookId] = []] = told
    // It may be delivered more than once, but always under the same id.
    expect(new Set(told.map((each) => each.join(' ')))).toEqual(new Set([`batch.completed ${batch.id} ${webhookId}`]))
    await eventually('nothing is open', async () => (await cluster.redis.zcard('sluice:open')) === 0)
    console.log(`${kills} kills; ${cluster.upstream.calls.length} upstream calls for ${lineCount} lines`)
  }, 180_000)
})

function clientOf({ config }: Cluster): OpenAI {
  const key = config.tenants.acme?.keys[0]?.key.reveal() ?? ''
  return new OpenAI({ baseURL: `http://127.0.0.1:${config.server.port}/v1`, apiKey: key, maxRetries: 20 })
}

async function killUntilEnded(cluster: Cluster, client: OpenAI, id: string, random: Seeded): Promise<number> {
  let kills = 0
  while (kills < killsAtMost) {
    await sleep(random.between(100, 1_500))
    const { status } = await client.batches.retrieve(id)
    if (status === 'completed') break
    const victim = cluster.process(random.pick(victims))
    await victim.replace()
    await victim.ready
    kills += 1
  }
  expect(kills).toBeGreaterThan(3)
  return kills
}

const promptOf = (index: number) => `${index % refusedEvery === 0 ? 'refuse ' : ''}log ${index}`
const nameOf = ({ custom_id: name }: OutcomeLine) => name
const namesWhere = (wanted: (index: number) => boolean) =>
  Array.from({ length: lineCount }, (_, index) => index)
    .filter(wanted)
    .map((index) => `line-${index}`)
    .sort()
