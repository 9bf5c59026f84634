import { auditJob } from '../pipeline/audit-job.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneConsumer } from '../queue/lane-consumer.ts'
import { intakeQueues } from '../queue/lane-names.ts'
import {
  connect,
  createCatalogue,
  createStore,
  disconnect,
  type RunningRole,
  type Runtime,
  requireVaultKey,
} from './runtime.ts'

/** Auditing is computing: more at once than this only takes turns on one core. */
const concurrency = 64

/** Takes jobs from the intake queues, decides about them, and hands them to lanes. */
export async function startAuditor(runtime: Runtime): Promise<RunningRole> {
  requireVaultKey(runtime, 'auditor')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'worker')
  const store = createStore(runtime, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const catalogue = createCatalogue(config)
  const consumer = new LaneConsumer({
    redis,
    blocking: connect(runtime, 'blocking'),
    queues: intakeQueues(),
    concurrency,
    leaseMs: config.leases.duration,
    handle: (entry) => auditJob(entry, { store, queues, catalogue, telemetry, log }),
    log,
  })
  await consumer.start()
  runtime.shared?.onRing(
    intakeQueues().map(({ name }) => name),
    (name) => consumer.ring(name),
  )
  return {
    name: 'auditor',
    checkReady: async () => {
      await redis.ping()
    },
    async stop(graceMs) {
      await consumer.stop(graceMs)
      await queues.close()
      disconnect(runtime, redis)
    },
  }
}
