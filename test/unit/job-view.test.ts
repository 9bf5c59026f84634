import { describe, expect, it } from 'vitest'
import { jobAnswer } from '../../src/cli/client/answers.ts'
import { formatJob } from '../../src/cli/jobs/views.ts'

const job = { id: 'job_1', status: 'completed', model: 'm', created_at: 1_795_260_351, attempts: [] }

describe('a job, as the command shows it', () => {
  it('says whether its answer was made for another one', () => {
    const rowOf = (cache: string | null) => /^cache.*$/m.exec(formatJob(jobAnswer.parse({ ...job, cache })))?.[0]
    expect(rowOf('hit')).toMatch(/^cache +hit: the answer was made for another job$/)
    expect(rowOf(null)).toBeUndefined()
  })
})

describe('a job that failed, as the command shows it', () => {
  it('has the code of its error after however many attempts', () => {
    const message = `No answer after 20 attempts: ${'studio-llama: connect_timeout, cloud-mini: rate_limited (429), '.repeat(10)}`
    const failed = jobAnswer.parse({ ...job, status: 'failed', error: { code: 'upstream_failed', message } })
    expect(formatJob(failed)).toMatch(/\[upstream_failed\]$/m)
  })
})
