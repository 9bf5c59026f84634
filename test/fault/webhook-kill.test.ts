import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { expect, it } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { untilSettled } from '../support/aftermath.ts'
import { startCluster } from '../support/cluster.ts'
import { startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { Seeded } from '../support/seeded.ts'
import { Gate, slowUpstream, submitJob } from '../support/workload.ts'

const jobCount = 200
const kills = 12

/**
 * The courier records ends, writes events down and sends them. It is killed in the middle of all of these, again and
 * again, while jobs end and receivers are slow or refuse every now and then.
 */
it('kill -9 of the courier during deliveries loses no event of any endpoint, and gives none a second id', async () => {
  const random = new Seeded('kill the courier under endpoints')
  const gate = new Gate()
  gate.open()
  await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration: '1s', concurrency: 50 })
  await using thin = await startEndpointReceiver()
  await using full = await startEndpointReceiver()
  const secrets: string[] = []
  for (const [receiver, payload] of [
    [thin, 'thin'],
    [full, 'full'],
  ] as const) {
    const asked = new Set<string>()
    receiver.answer = (response, id) => {
      // Refused twice, an event would come again after five minutes.
      const status = !asked.has(id) && random.between(0, 100) < 5 ? 503 : 204
      asked.add(id)
      setTimeout(() => response.writeHead(status).end(), random.between(1, 80))
    }
    const made = await cluster.send('/v1/webhooks/endpoints', { url: receiver.url, payload })
    secrets.push(((await made.json()) as { secret: string }).secret)
  }

  const submitting = Array.from({ length: jobCount }, async () => {
    await sleep(random.between(0, kills * 400))
    return submitJob(cluster, random, 'passing')
  })
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random.between(100, 600))
    const courier = cluster.process('courier')
    await courier.replace()
    await courier.ready
  }
  const jobs = await Promise.all(submitting)
  await untilSettled(cluster, 90_000)

  const expected = jobs.map(({ id }) => `evt_${id.slice('job_'.length)}_completed`).sort()
  for (const [index, receiver] of [thin, full].entries()) {
    const verifier = new Webhook(secrets[index] ?? '')
    const ids = receiver.received.map(({ headers, body, event }) => {
      verifier.verify(body, headers)
      expect(headers['webhook-id']).toBe(event.id)
      return event.id
    })
    expect([...new Set(ids)].sort()).toEqual(expected)
    const bodies = new Set(receiver.received.map(({ body }) => body))
    expect(bodies.size).toBe(jobCount)
  }
  expect(await cluster.redis.exists(keys.webhookLanes, keys.outbox, keys.outboxTaken)).toBe(0)
  const sent = thin.received.length + full.received.length
  console.log(`${kills} kills, ${2 * jobCount} deliveries by ${sent} requests`)
}, 180_000)
