import { describe, expect, it } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import { HeldJobs } from '../../src/remote/held-jobs.ts'

describe('the entries that a node holds over HTTPS', () => {
  it('are found by their latest delivery while the one whose lease was lost is still being given up', () => {
    const jobs = new HeldJobs()
    const id = createJobId()
    const lost = jobs.add({ id, hop: 1, lease: 'lost' })
    const again = jobs.add({ id, hop: 1, lease: 'again' })
    expect(jobs.byHop(id, 1)).toBe(again)
    expect(jobs.ofJob(id)).toBe(again)
    jobs.remove(lost)
    expect(jobs.byHop(id, 1)).toBe(again)
    jobs.remove(again)
    expect(jobs.byHop(id, 1)).toBeUndefined()
  })
})
