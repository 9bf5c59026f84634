import { auditJob } from '../pipeline/audit-job.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneConsumer } from '../queue/lane-consumer.ts'
import { intakeQueues } from '../queue/lane-names.ts'
import { createJudging } from './judging.ts'
import { connect, createStore, disconnect, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'

/** Auditing is computing: more at once than this only takes turns on one core. */
const concurrency = 64
/**
 * A chat that comes has to wait for all that are begun, and everything else on the machine for a core: two lines of a batch
 * at once, and one with a rest after it while chats come. Where another server is asked, an audit waits most of its time.
 */
const ofBatches = { computing: { batchConcurrency: 2, yields: true }, asking: { batchConcurrency: 16 } }

export interface AuditorOptions {
  /** How long a job waits before a detector that failed is asked for the second time; doubles from then on. */
  readonly detectorWaitMs?: number | undefined
}

/** Takes jobs from the intake queues, decides about them, and hands them to lanes. */
export async function startAuditor(runtime: Runtime, options: AuditorOptions = {}): Promise<RunningRole> {
  requireVaultKey(runtime, 'auditor')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'worker')
  const store = createStore(runtime, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const judging = createJudging(runtime, redis)
  const deps = { ...judging, store, queues, telemetry, log, ...options }
  const consumer = new LaneConsumer({
    redis,
    blocking: connect(runtime, 'blocking'),
    queues: intakeQueues(),
    concurrency,
    ...(config.auditor.detectors.every((detector) => detector === 'builtin') ? ofBatches.computing : ofBatches.asking),
    lookAhead: 0,
    leaseMs: config.leases.duration,
    handle: (entry) => auditJob(entry, deps),
    log,
  })
  await consumer.start()
  runtime.shared?.onRing(
    intakeQueues().map(({ name }) => name),
    (name) => consumer.ring(name),
  )
  runtime.shared?.onArrival(() => consumer.noteOthers())
  return {
    name: 'auditor',
    checkReady: async () => {
      await redis.ping()
    },
    async stop(graceMs) {
      await consumer.stop(graceMs)
      await queues.close()
      await judging.close()
      disconnect(runtime, redis)
    },
  }
}
