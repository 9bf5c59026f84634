import type { DeadLetters } from '../core/dead-letter.ts'
import type { RecordObserver } from '../core/record-archive.ts'

/** Takes every job that fails among the dead letters, as the recorder tells of it. */
export function createBurial(deadLetters: DeadLetters, now: () => number): RecordObserver {
  return {
    async observe(batch) {
      const nowMs = now()
      const burials = batch.map(async ({ record, owner }) => {
        // Without an owner the job has expired before anybody told of its end: there is nothing left to run again.
        if (record.kind !== 'end' || record.status !== 'failed' || !owner) return
        await deadLetters.bury(record.job, { tenant: owner.tenant, endedAtMs: record.atMs, nowMs })
      })
      await Promise.all(burials)
    },
  }
}
