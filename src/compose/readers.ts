import { hkdfSync } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { JobStore } from '../core/ports.ts'
import { FailureBoard } from '../delivery/failure-board.ts'
import { LeftBoard } from '../delivery/left-board.ts'
import { ReaderWatch, type ReaderWatchDeps } from '../http/reader-watch.ts'
import { Allowance } from '../pipeline/attach-call.ts'
import { RedisLeftCalls } from '../store/left-calls.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'

/** How many retries may look through jobs: each costs a few hundred reads. */
const lookupLimits = { burst: 100, perSecond: 10 }

/** What an API process knows of readers that hang up and of calls that failed, of its own and of the others. */
export async function createReaders(
  runtime: Runtime,
  from: { redis: Redis; subscriber: Redis; store: JobStore; catalogue: ReaderWatchDeps['catalogue'] },
): Promise<ReaderWatch> {
  const { log } = runtime
  const { redis, subscriber, store, catalogue } = from
  const left = new LeftBoard({ subscriber, store: new RedisLeftCalls(redis), log, now: Date.now })
  const failed = new FailureBoard({ subscriber, redis, log, now: Date.now })
  await Promise.all([left.start(), failed.start()])
  const key = requireVaultKey(runtime, 'api').current
  const secret = Buffer.from(hkdfSync('sha256', key, '', 'sluice calls sent again', 32))
  return new ReaderWatch({ store, left, failed, secret, lookups: new Allowance(lookupLimits), catalogue, log })
}
