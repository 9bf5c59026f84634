import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { queuePrefix } from '../../src/store/keys.ts'
import { checkJobs, type SubmittedJob, untilSettled } from '../support/aftermath.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { answerTo, Gate, slowUpstream } from '../support/workload.ts'

const jobCount = 12
const leaseMs = 1_000

/**
 * What is promised: a node that dies in the middle of a generation costs its jobs a lease. What it only held ahead has
 * not been begun, so nothing of it is lost and no attempt is counted.
 */
describe('kill -9 of a node that generates and holds jobs ahead', () => {
  it('lets another node run its jobs within a lease, and loses no attempt but the one under way', async () => {
    const gate = new Gate()
    await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration: '1s', concurrency: 1 })
    const jobs: SubmittedJob[] = []
    for (let number = 0; number < jobCount; number += 1) jobs.push(await submitRestricted(cluster, number))
    await eventually('the node holds all of them', async () => (await inHand(cluster)) === jobCount)
    const first = await cluster.upstream.callOf(({ number }) => number === 1)
    await eventually('its answer has begun', async () => (await deltasOf(cluster, jobs)) > 0)

    await cluster.process('studio').end('SIGKILL')
    const killedMs = Date.now()
    await cluster.addStudioNode('second')
    const startedMs = Date.now()
    gate.open()
    await cluster.upstream.callOf((call) => call.number > 1 && call.prompt === first.prompt)
    const againMs = Date.now()
    await untilSettled(cluster, 30_000)
    const figures = await checkJobs(cluster, jobs)
    expect(figures.ended).toEqual({ completed: jobCount })
    expect(figures.lostAttempts).toBe(1)
    expect(cluster.upstream.calls).toHaveLength(jobCount + 1)
    console.log(
      `the second node was ready ${startedMs - killedMs} ms after the kill, the job that was under way ran again after ` +
        `${againMs - killedMs} ms; leases are ${leaseMs} ms, and looked after every half of one`,
    )
  }, 60_000)

  it('lets a node that is there already go on with what both held', async () => {
    const gate = new Gate()
    await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration: '1s', concurrency: 1 })
    await cluster.addStudioNode('second')
    const jobs: SubmittedJob[] = []
    for (let number = 0; number < jobCount; number += 1) jobs.push(await submitRestricted(cluster, number))
    await cluster.upstream.callOf(({ number }) => number === 2)
    await eventually('the nodes hold all of them', async () => (await inHand(cluster)) === jobCount)
    const [one, other] = cluster.upstream.calls.map(({ prompt }) => prompt)
    const killedMs = Date.now()
    await cluster.process('studio').end('SIGKILL')
    gate.open()
    await cluster.upstream.callOf(({ number, prompt }) => number > 2 && [one, other].includes(prompt))
    const againMs = Date.now() - killedMs
    await untilSettled(cluster, 30_000)
    const figures = await checkJobs(cluster, jobs)
    expect(figures.ended).toEqual({ completed: jobCount })
    expect(figures.lostAttempts).toBe(1)
    console.log(
      `the job that was under way ran again ${againMs} ms after the kill, all were done after ${Date.now() - killedMs} ms`,
    )
  }, 60_000)
})

/** A streamed job that only the studio may see, whose answer is held back in its middle. */
async function submitRestricted(cluster: Cluster, number: number): Promise<SubmittedJob> {
  const prompt = `hold: is number ${number} done?`
  const id = await cluster.submit(
    {
      model: 'fleet',
      input: {
        endpoint: '/v1/chat/completions',
        body: { stream: true, messages: [{ role: 'user', content: prompt }] },
      },
      priority: 'standard',
      sensitivity: 'restricted',
    },
    randomUUID(),
  )
  return { id, stream: true, answer: answerTo(prompt) }
}

/** Entries of the studio's lane that nodes have taken. */
function inHand({ redis }: Cluster): Promise<number> {
  return redis.llen(`${queuePrefix}:lane.studio.restricted.standard:active`)
}

async function deltasOf({ redis }: Cluster, jobs: readonly SubmittedJob[]): Promise<number> {
  const lengths = await Promise.all(jobs.map(({ id }) => redis.llen(`sluice:events:${id}`)))
  return Math.max(...lengths) - 3
}
