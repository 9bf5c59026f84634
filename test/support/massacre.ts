import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { checkJobs, type Figures, type SubmittedJob, untilSettled } from './aftermath.ts'
import { type Cluster, type ProcessName, type Role, startCluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { Seeded } from './seeded.ts'
import { Gate, slowUpstream, submitJob } from './workload.ts'

/** `up` is all of them in one process. */
type Victim = Role | 'up'

const victims: Readonly<Record<Victim, readonly [ProcessName, ...ProcessName[]]>> = {
  api: ['api'],
  auditor: ['auditor'],
  dispatcher: ['studio', 'cloud'],
  courier: ['courier'],
  up: ['up'],
}

export interface Massacre {
  readonly role: Victim
  readonly kills: number
  /** Jobs that run from before the first kill until after the last one. */
  readonly heldJobs: number
  /** Jobs that come, run and end between the kills. */
  readonly passingJobs: number
  readonly nodesOverHttps?: boolean
}

/** Kills a role again and again under running jobs, and checks that nothing was lost and nothing done twice. */
export async function killUnderLoad(plan: Massacre): Promise<void> {
  const { role, heldJobs, passingJobs, nodesOverHttps = false } = plan
  const random = new Seeded(`kill the ${role}`)
  const gate = new Gate()
  await using cluster = await startCluster({
    script: slowUpstream(gate),
    leaseDuration: '1s',
    concurrency: heldJobs + passingJobs,
    webhookAnswerMs: () => random.between(10, 150),
    nodesOverHttps,
    isOneProcess: role === 'up',
  })
  const startedMs = Date.now()
  const jobs = await Promise.all(range(heldJobs).map(() => submitJob(cluster, random, 'held')))
  await eventually('all of them run', async () => (await runningJobs(cluster, jobs)) === heldJobs, 30_000)
  jobs.push(...(await killAgainAndAgain(cluster, plan, random)))
  const killedMs = Date.now() - startedMs
  expect(await cluster.redis.zcard(keys.open)).toBeGreaterThanOrEqual(heldJobs)
  gate.open()
  await untilSettled(cluster, 60_000)
  const figures = await checkJobs(cluster, jobs)
  expect(figures.ended).toEqual({ completed: heldJobs + passingJobs })
  report(plan, cluster, { killedMs, settledMs: Date.now() - startedMs, figures })
}

/** Half of the jobs between two kills arrive at any time, the other half in the last moments of a process. */
async function killAgainAndAgain(
  cluster: Cluster,
  { role, kills, passingJobs }: Massacre,
  random: Seeded,
): Promise<SubmittedJob[]> {
  const submitting: Promise<SubmittedJob>[] = []
  const submitAfter = async (delayMs: number) => {
    await sleep(delayMs)
    return submitJob(cluster, random, 'passing')
  }
  for (let kill = 0; kill < kills; kill += 1) {
    const killAfterMs = random.between(50, 900)
    for (let count = 0; count < passingJobs / kills; count += 1) {
      const leadMs = count % 2 === 0 ? random.between(0, 40) : random.between(0, killAfterMs)
      submitting.push(submitAfter(killAfterMs - leadMs))
    }
    await sleep(killAfterMs)
    const victim = cluster.process(random.pick(victims[role]))
    await victim.replace()
    await victim.ready
  }
  return Promise.all(submitting)
}

async function runningJobs({ redis }: Cluster, jobs: readonly SubmittedJob[]): Promise<number> {
  const stages = await Promise.all(jobs.map(({ id }) => redis.hget(`sluice:job:${id}`, 'stage')))
  return stages.filter((stage) => stage === 'running').length
}

function report(
  { role, kills, nodesOverHttps }: Massacre,
  { upstream, asked }: Cluster,
  run: { killedMs: number; settledMs: number; figures: Figures },
): void {
  const { killedMs, settledMs, figures } = run
  const lines = [
    `${role}${nodesOverHttps ? ' (nodes over HTTPS)' : ''}: ${kills} kills in ${seconds(killedMs)}, settled after ${seconds(settledMs)}`,
    `${figures.ended.completed} jobs completed by ${upstream.calls.length} upstream calls`,
    `${asked.again} requests sent again, ${figures.repeatedAudits} audits begun again`,
    `${figures.lostAttempts} attempts lost (at most ${figures.mostAttempts} attempts per job)`,
    `${figures.repeatedWebhooks} webhooks delivered again`,
  ]
  console.log(lines.join('; '))
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
