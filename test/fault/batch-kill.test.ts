import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { keys } from '../../src/store/keys.ts'
import { openJobs } from '../support/aftermath.ts'
import { batchLine, type OutcomeLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { type ChatScript, chunkRecord, completion, lastRecords, refuse } from '../support/chat-upstream.ts'
import { type Cluster, type ProcessName, startCluster } from '../support/cluster.ts'
import { type EndpointReceiver, startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { eventually } from '../support/eventually.ts'
import { allTime } from '../support/records.ts'
import { Seeded } from '../support/seeded.ts'

const killsAtMost = 16
/** Every so manieth line is refused by the upstream: it must not hold up the others. */
const refusedEvery = 100
/** A call of 7 tokens in and 5 out costs 2,200 micro-dollars. */
const price = { input: 100, output: 300 }
const callCost = 2_200

/** The large batch runs in the cloud, masked; the other one may not leave the studio. Both run at the same time. */
const plans = [
  { name: 'large', lineCount: 5_000, sensitivity: 'internal' },
  { name: 'small', lineCount: 500, sensitivity: 'restricted' },
] as const
type Plan = (typeof plans)[number]

const everybody: readonly ProcessName[] = ['courier', 'cloud', 'studio', 'auditor', 'api']
/** Couriers die most often: they feed the lines, and write what became of them. */
const victims: [ProcessName, ...ProcessName[]] = ['courier', 'courier', 'courier', 'cloud', 'studio', 'auditor', 'api']

describe('kill -9 during two batches', () => {
  it('leaves each of 5,500 lines with one outcome and one charge, and each batch with one webhook', async () => {
    const random = new Seeded('kill everybody during a batch')
    await using cluster = await startCluster({ script: moody(random), leaseDuration: '1s', concurrency: 50, price })
    await using receiver = await startEndpointReceiver()
    const made = await cluster.send('/v1/webhooks/endpoints', { url: receiver.url, events: ['batch.*'] })
    const { secret } = (await made.json()) as { secret: string }
    const client = clientOf(cluster)
    const startedMs = performance.now()
    const batches = await Promise.all(plans.map(async (plan) => ({ plan, id: (await start(client, plan)).id })))
    const ids = batches.map(({ id }) => id)
    const kills = await killUntilEnded(cluster, client, { ids, random })
    for (const { plan, id } of batches) await checkBatch(client, plan, await untilEnded(client, id, 90_000))
    const tookMs = performance.now() - startedMs

    await checkWebhooks(receiver, secret, ids)
    await eventually('nothing is open', async () => (await cluster.redis.zcard(keys.open)) === 0).catch(async () =>
      expect(await openJobs(cluster.redis)).toEqual([]),
    )
    const lost = await checkLedger(cluster)
    console.log(
      `${kills} kills in ${Math.round(tookMs / 1000)} s; ${cluster.upstream.calls.length} upstream calls for ` +
        `${countOf(everyLine)} lines, ${lost} of them lost their worker`,
    )
  }, 240_000)
})

/** Answers after a while, so that calls are under way when their dispatcher dies. */
function moody(random: Seeded): ChatScript {
  const refused = refuse(400)
  return async (call, response) => {
    await sleep(random.between(5, 60))
    if (call.prompt.startsWith('refuse')) return refused(call, response)
    const answer = `${call.prompt} was read`
    if (!call.stream) {
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(completion(answer))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(chunkRecord({ content: answer }) + lastRecords())
  }
}

function clientOf({ config }: Cluster): OpenAI {
  const key = config.tenants.acme?.keys[0]?.key.reveal() ?? ''
  return new OpenAI({ baseURL: `http://127.0.0.1:${config.server.port}/v1`, apiKey: key, maxRetries: 20 })
}

function start(client: OpenAI, { name, lineCount, sensitivity }: Plan): Promise<OpenAI.Batch> {
  const lines = Array.from({ length: lineCount }, (_, index) =>
    batchLine(`${name}-${index}`, promptOf(index), { model: 'fleet' }),
  )
  return startBatch(client.withOptions({ defaultHeaders: { 'x-sluice-sensitivity': sensitivity } }), lines)
}

/** Everybody once, in random order, and then whoever it falls on, until the batches have ended. */
async function killUntilEnded(
  cluster: Cluster,
  client: OpenAI,
  { ids, random }: { ids: readonly string[]; random: Seeded },
): Promise<number> {
  const order = everybody.map((name) => ({ name, at: random.next() })).sort((one, other) => one.at - other.at)
  let kills = 0
  while (kills < killsAtMost) {
    await sleep(random.between(100, 1_500))
    const batches = await Promise.all(ids.map((id) => client.batches.retrieve(id)))
    if (batches.every(({ status }) => status === 'completed')) break
    const victim = cluster.process(order[kills]?.name ?? random.pick(victims))
    await victim.replace()
    await victim.ready
    kills += 1
  }
  expect(kills).toBeGreaterThanOrEqual(everybody.length)
  return kills
}

async function checkBatch(client: OpenAI, { name, lineCount }: Plan, batch: OpenAI.Batch): Promise<void> {
  const namesWhere = (wanted: (index: number) => boolean) =>
    Array.from({ length: lineCount }, (_, index) => index)
      .filter(wanted)
      .map((index) => `${name}-${index}`)
      .sort()
  const completed = namesWhere((index) => !isRefused(index))
  const failed = namesWhere(isRefused)
  expect(batch.status).toBe('completed')
  expect(batch.request_counts).toEqual({ total: lineCount, completed: completed.length, failed: failed.length })
  expect(batch.usage).toMatchObject({ input_tokens: completed.length * 7, output_tokens: completed.length * 5 })
  const answers = await readOutcomes(client, batch.output_file_id)
  const failures = await readOutcomes(client, batch.error_file_id)
  // As lists, not as sets: none is there twice.
  expect(answers.map(nameOf).sort()).toEqual(completed)
  expect(failures.map(nameOf).sort()).toEqual(failed)
  expect(new Set([...answers, ...failures].map(({ id }) => id)).size).toBe(lineCount)
  for (const { custom_id: id, response } of answers) {
    expect(response?.body.choices?.[0]?.message.content).toBe(`${promptOf(Number(id.split('-')[1]))} was read`)
  }
  expect(new Set(failures.map(({ response }) => response?.status_code))).toEqual(new Set([400]))
}

/** An event may be delivered more than once, but always under the same id and in the same words. */
async function checkWebhooks(receiver: EndpointReceiver, secret: string, batches: readonly string[]): Promise<void> {
  const told = () => new Set(receiver.received.map(({ event }) => event.data.id))
  await eventually('the webhooks come', () => told().size === batches.length, 30_000)
  const verifier = new Webhook(secret)
  const events = receiver.received.map(({ event, body, headers }) => {
    verifier.verify(body, headers)
    expect(headers['webhook-id']).toBe(event.id)
    return `${event.id} ${event.type} ${event.data.id}`
  })
  const expected = batches.map((id) => `evt_${id.slice('batch_'.length)}_completed batch.completed ${id}`)
  expect([...new Set(events)].sort()).toEqual(expected.sort())
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(batches.length)
}

/** One charge for each line that was answered and none for any other. Resolves with how many calls lost their worker. */
async function checkLedger({ redis, config }: Cluster): Promise<number> {
  await eventually('all is recorded', async () => (await redis.xlen(keys.records)) === 0, 30_000)
  const rows = await Array.fromAsync(new FileArchiveReader(config.data_dir).ledger(allTime))
  expect(new Set(rows.map(({ attempt }) => attempt)).size).toBe(rows.length)
  const charged = rows.filter(({ micro_usd: cost }) => cost > 0)
  expect(charged.every(({ outcome, micro_usd: cost }) => outcome === 'completed' && cost === callCost)).toBe(true)
  expect(new Set(charged.map(({ job }) => job)).size).toBe(charged.length)
  expect(charged).toHaveLength(countOf((index) => !isRefused(index)))
  expect(new Set(rows.map(({ job }) => job)).size).toBe(countOf(everyLine))
  return rows.filter(({ outcome }) => outcome === 'worker_lost').length
}

const everyLine = () => true
const isRefused = (index: number) => index % refusedEvery === 0
const promptOf = (index: number) => `${isRefused(index) ? 'refuse ' : ''}log ${index}`
const nameOf = ({ custom_id: name }: OutcomeLine) => name
/** How many lines of all batches there are of this kind. */
const countOf = (wanted: (index: number) => boolean) =>
  plans.reduce(
    (sum, { lineCount }) => sum + Array.from({ length: lineCount }, (_, index) => index).filter(wanted).length,
    0,
  )
