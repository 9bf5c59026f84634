import type { JobId } from '../core/job.ts'
import type { RecordObserver } from '../core/record-archive.ts'

/** Lets the requests of jobs that have ended go when their answers do, as the recorder tells of their ends. */
export function createRetirement(jobs: { retire(ids: readonly JobId[]): Promise<void> }): RecordObserver {
  return {
    async observe(batch) {
      await jobs.retire(batch.flatMap(({ record }) => (record.kind === 'end' ? [record.job] : [])))
    },
  }
}
