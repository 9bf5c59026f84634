import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { openJobs } from '../support/aftermath.ts'
import { type ChatScript, completion } from '../support/chat-upstream.ts'
import { type Cluster, type ProcessName, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { Seeded } from '../support/seeded.ts'

const jobs = 200
const kills = 8
const limit = 6

const victims: readonly [ProcessName, ...ProcessName[]] = ['courier', 'auditor', 'cloud', 'studio']

it('runs no more jobs of a tenant at once than it may, and leaves none behind, whichever roles are killed', async () => {
  const random = new Seeded('permits')
  const upstream = countingUpstream(random)
  await using cluster = await startCluster({
    script: upstream.script,
    leaseDuration: '1s',
    concurrency: 32,
    tenantConcurrency: limit,
  })
  const startedMs = Date.now()
  const ids = await Promise.all(Array.from({ length: jobs }, (_, number) => submit(cluster, random, number)))
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random.between(50, 900))
    const victim = cluster.process(victims[kill % victims.length] ?? 'courier')
    await victim.ready
    await victim.replace()
  }
  await eventually('all jobs have ended', async () => (await cluster.redis.zcard(keys.open)) === 0, 60_000).catch(
    async () => expect(await openJobs(cluster.redis)).toEqual([]),
  )
  const stages = await Promise.all(ids.map((id) => cluster.redis.hget(`sluice:job:${id}`, 'stage')))
  expect(stages.filter((stage) => stage !== 'completed')).toEqual([])
  expect(upstream.highest()).toBeLessThanOrEqual(limit)
  expect(upstream.highest()).toBeGreaterThan(1)
  await eventually('no permit is left', async () => (await cluster.redis.hlen(keys.permits)) === 0, 30_000)
  expect(await cluster.redis.exists(keys.running('acme'), keys.parked('acme'))).toBe(0)
  console.log(`${kills} kills, at most ${upstream.highest()} jobs at once, ${(Date.now() - startedMs) / 1000} s`)
}, 120_000)

/** Counts the jobs that it is called for at the same time; a call of a dead dispatcher ends with its connection. */
function countingUpstream(random: Seeded): { script: ChatScript; highest(): number } {
  const calls = new Map<string, number>()
  let highest = 0
  const script: ChatScript = async ({ prompt }, response) => {
    calls.set(prompt, (calls.get(prompt) ?? 0) + 1)
    highest = Math.max(highest, calls.size)
    response.once('close', () => {
      const left = (calls.get(prompt) ?? 0) - 1
      if (left > 0) calls.set(prompt, left)
      else calls.delete(prompt)
    })
    await sleep(random.between(20, 200))
    response.writeHead(200, { 'content-type': 'application/json' }).end(completion('yes'))
  }
  return { script, highest: () => highest }
}

function submit(cluster: Cluster, random: Seeded, number: number): Promise<string> {
  const body = { messages: [{ role: 'user', content: `is it ${number}?` }] }
  const job = {
    model: 'fleet',
    input: { endpoint: '/v1/chat/completions', body },
    priority: random.pick(['interactive', 'standard', 'batch']),
    sensitivity: random.pick(['public', 'restricted']),
    webhook: undefined,
  }
  return cluster.submit(job, `permits-${number}`)
}
