import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkJobs, openJobs, type SubmittedJob, untilSettled } from '../support/aftermath.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { type Fate, Mortal } from '../support/mortal.ts'
import { answerTo, Gate, slowUpstream } from '../support/workload.ts'
import { type Job, newJob, type Stage, stages } from './crash-stages.ts'

/**
 * A worker dies between any two of its commands to Redis, or loses the reply to any one of them and sends it again.
 * Whatever it leaves behind is found by the roles that are started afterwards, each in a process of its own.
 */
interface Outcome {
  readonly stage: Stage
  readonly fate: Fate
  readonly job: Job
  /** Whether the job is in the store afterwards. */
  exists: boolean
}

let cluster: Cluster
const outcomes: Outcome[] = []
const never = Number.POSITIVE_INFINITY

beforeAll(async () => {
  cluster = await startCluster({
    script: slowUpstream(new Gate()),
    leaseDuration: '1s',
    concurrency: 200,
    isDormant: true,
  })
  await using sound = await Mortal.start(cluster.redisUrl, cluster.vaultKey)
  for (const stage of stages) {
    const { commands } = await play(stage, { kind: 'dies', after: never }, sound)
    const points = Array.from({ length: commands }, (_, index) => commands - 1 - index)
    for (const kind of ['loses a reply', 'dies'] as const) {
      // From the last command to the first: what is left in a queue untouched would be taken by the next one.
      for (const after of points) await play(stage, { kind, after }, sound)
    }
  }
  // Only now: what a worker sent in its last moment may arrive later than the news of its death.
  for (const outcome of outcomes) {
    const { id } = outcome.job
    outcome.exists = id !== null && (await sound.store.read(id)) !== null
  }
  await cluster.launch()
  await eventually('no job is open', async () => (await openJobs(cluster.redis)).length === 0, 60_000).catch(() => {})
  const left = await openJobs(cluster.redis)
  expect(left.map(({ id, stage }) => [stage, ...outcomes.filter(({ job }) => job.id === id).map(storyOf)])).toEqual([])
  await untilSettled(cluster, 60_000)
}, 180_000)

afterAll(() => cluster[Symbol.asyncDispose]())

async function play(stage: Stage, fate: Fate, sound: Mortal): Promise<{ commands: number }> {
  const job = newJob(stage, cluster)
  await stage.before(sound, job)
  await using mortal = await Mortal.start(cluster.redisUrl, cluster.vaultKey, stage.purpose)
  const commands = await mortal.meet(fate, () => stage.run(mortal, job))
  await stage.after?.(sound, job)
  outcomes.push({ stage, fate, job, exists: false })
  return { commands }
}

describe('a worker that dies or loses a reply', () => {
  it('is tried at every command of every stage', () => {
    for (const stage of stages) {
      const fates = outcomes.filter((outcome) => outcome.stage === stage).length
      expect(fates, stage.name).toBeGreaterThan(4)
    }
    console.log(`${outcomes.length} crash points in ${stages.length} stages`)
  })

  it('has promised nothing that is not kept', () => {
    const broken = outcomes.filter(({ job, exists }) => job.wasAccepted && !exists)
    expect(broken.map(storyOf)).toEqual([])
  })

  it('leaves every job to end once, with one result, one story and one webhook', async () => {
    const figures = await checkJobs(cluster, outcomes.filter(({ exists }) => exists).map(toSubmitted))
    expect(Object.keys(figures.ended).sort()).toEqual(['cancelled', 'completed', 'expired', 'failed'])
    expect(figures.mostAttempts).toBeLessThan(4)
  })

  it('leaves no place in a gate behind, and no job in a backlog', async () => {
    const patterns = ['sluice:gate:running:*', 'sluice:gate:reserved:*', 'sluice:backlog:*']
    const left = await Promise.all(patterns.map((pattern) => cluster.redis.keys(pattern)))
    expect(left.flat()).toEqual([])
  })
})

function toSubmitted(outcome: Outcome): SubmittedJob {
  const { stage, job } = outcome
  return {
    id: job.id ?? '',
    stream: stage.stream ?? false,
    answer: answerTo(job.prompt),
    story: storyOf(outcome),
    ...(stage.endings && { endings: stage.endings }),
  }
}

function storyOf({ stage, fate }: Outcome): string {
  return `${stage.name}: ${fate.kind} after ${fate.after} commands`
}
