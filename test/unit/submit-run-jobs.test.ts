import { describe, expect, it } from 'vitest'
import type { AcceptedJobAnswer, JobAnswer } from '../../src/cli/client/answers.ts'
import type { ApiClient, JobBody } from '../../src/cli/client/api-client.ts'
import { ApiError, ConnectionError } from '../../src/cli/client/failures.ts'
import { Patience } from '../../src/cli/client/patience.ts'
import { cutChunks } from '../../src/cli/submit/chunk-cutter.ts'
import { Interrupted } from '../../src/cli/submit/interrupts.ts'
import type { ResultLine } from '../../src/cli/submit/result-line.ts'
import { type RunDeps, runJobs } from '../../src/cli/submit/run-jobs.ts'

/** What a server would do with the n-th request of its kind; throws to refuse. */
interface Script {
  submit?: (call: { number: number; body: JobBody; key: string }) => Promise<AcceptedJobAnswer>
  get?: (call: { number: number; id: string }) => Promise<JobAnswer>
}

function endedJob(id: string, fields: Partial<JobAnswer> = {}): JobAnswer {
  const result = { choices: [{ message: { content: `answer of ${id}` }, finish_reason: 'stop' }] }
  return { id, status: 'completed', model: 'm', created_at: 0, attempts: [], result, ...fields }
}

function createFakeClient(script: Script): ApiClient & { keys: string[] } {
  const keys: string[] = []
  let gets = 0
  const unused = () => Promise.reject(new Error('not part of a run'))
  return {
    url: 'http://fake',
    keys,
    submitJob: (body, key) => {
      keys.push(key)
      const number = keys.length
      return script.submit?.({ number, body, key }) ?? Promise.resolve({ id: `job_${number}`, status: 'queued' })
    },
    getJob: (id) => {
      gets += 1
      return script.get?.({ number: gets, id }) ?? Promise.resolve(endedJob(id))
    },
    listJobs: unused,
    cancelJob: unused,
    listModels: unused,
    followJob: () => {
      throw new Error('not part of a run')
    },
    streamChat: () => {
      throw new Error('not part of a run')
    },
    close: () => Promise.resolve(),
  }
}

interface Run {
  readonly lines: ResultLine[]
  readonly notes: string[]
  readonly accepted: () => number
  readonly keys: string[]
  readonly ended: Promise<void>
}

function startRun(
  script: Script,
  options: { text?: string; concurrency?: number; stop?: AbortSignal; onResult?: () => Promise<void> } = {},
): Run {
  const { text = 'one\ntwo\nsix\n', concurrency = 2, stop = new AbortController().signal } = options
  async function* bytes() {
    yield Buffer.from(text)
  }
  const lines: ResultLine[] = []
  const notes: string[] = []
  const client = createFakeClient(script)
  let accepted = 0
  const deps: RunDeps = {
    client,
    patience: new Patience({ notify: (note) => notes.push(note), random: () => 0 }),
    template: { model: 'm', prompt: 'why?', responseFormat: 'text' },
    concurrency,
    onAccepted: () => {
      accepted += 1
    },
    onResult: async (line) => {
      lines.push(line)
      await options.onResult?.()
    },
    onHeld: () => {},
    notify: (note) => notes.push(note),
  }
  const ended = runJobs(cutChunks({ file: 'a.log', bytes: bytes() }, 4), deps, stop)
  // A test that waits for something else first must not end the process.
  ended.catch(() => {})
  return { lines, notes, accepted: () => accepted, keys: client.keys, ended }
}

function refusal(status: number, code: string, more: { isRetryable?: boolean; retryAfterMs?: number } = {}): ApiError {
  return new ApiError({ status, code, message: `refused: ${code}`, ...more })
}

describe('runJobs', () => {
  it('has one line for every chunk, with its answer', async () => {
    const run = startRun({})
    await run.ended
    expect(run.lines.map(({ custom_id, status }) => [custom_id, status]).sort()).toEqual([
      ['a.log@0', 'completed'],
      ['a.log@4', 'completed'],
      ['a.log@8', 'completed'],
    ])
    expect(run.lines[0]?.result_text).toMatch(/^answer of job_/)
    expect(new Set(run.keys).size).toBe(3)
  })

  it('has never more jobs open than it may', async () => {
    let open = 0
    let most = 0
    const run = startRun(
      {
        submit: async ({ number }) => {
          open += 1
          most = Math.max(most, open)
          return { id: `job_${number}`, status: 'queued' }
        },
        get: async ({ id }) => {
          await new Promise((resolve) => setImmediate(resolve))
          open -= 1
          return endedJob(id)
        },
      },
      { text: 'abc\n'.repeat(50), concurrency: 5 },
    )
    await run.ended
    expect(most).toBe(5)
    expect(run.lines).toHaveLength(50)
  })

  it('asks again with the same key after a lost connection', async () => {
    const run = startRun(
      {
        submit: async ({ number }) => {
          if (number <= 2) throw new ConnectionError('http://fake', 'ECONNRESET')
          return { id: `job_${number}`, status: 'queued' }
        },
      },
      { text: 'one\n', concurrency: 1 },
    )
    await run.ended
    expect(new Set(run.keys).size).toBe(1)
    expect(run.keys).toHaveLength(3)
    expect(run.lines).toHaveLength(1)
  })

  it('waits for a busy server and says so once', async () => {
    const run = startRun({
      submit: async ({ number }) => {
        if (number === 1) throw refusal(429, 'queue_full', { isRetryable: true, retryAfterMs: 200 })
        return { id: `job_${number}`, status: 'queued' }
      },
    })
    await run.ended
    expect(run.lines).toHaveLength(3)
    expect(run.notes).toEqual(['the server asks for a pause of 0.2s (queue_full)'])
  })

  it('keeps a refused chunk and a failed job as failed lines and goes on', async () => {
    const run = startRun(
      {
        submit: async ({ number }) => {
          if (number === 1) throw refusal(413, 'body_too_large')
          return { id: `job_${number}`, status: 'queued' }
        },
        get: async ({ number, id }) =>
          number === 1
            ? endedJob(id, { status: 'failed', result: null, error: { code: 'upstream_failed', message: 'no luck' } })
            : endedJob(id),
      },
      { concurrency: 1 },
    )
    await run.ended
    expect(run.lines.map(({ job_id, status, error }) => [job_id, status, error?.code])).toEqual([
      [null, 'failed', 'body_too_large'],
      ['job_2', 'failed', 'upstream_failed'],
      ['job_3', 'completed', undefined],
    ])
  })

  it.each(['invalid_api_key', 'model_not_found', 'insufficient_quota'])(
    'stops at %s, which every other chunk would meet too',
    async (code) => {
      const run = startRun({ submit: () => Promise.reject(refusal(429, code)) }, { text: 'abc\n'.repeat(100) })
      await expect(run.ended).rejects.toMatchObject({ code })
      expect(run.lines).toEqual([])
      expect(run.keys.length).toBeLessThanOrEqual(2)
    },
  )

  it('tries a chunk under its next key when its key belongs to a job that has failed', async () => {
    const run = startRun(
      {
        submit: async ({ number }) => ({ id: `job_${number}`, status: number <= 2 ? 'failed' : 'queued' }),
      },
      { text: 'one\n' },
    )
    await run.ended
    expect(new Set(run.keys).size).toBe(3)
    expect(run.lines).toMatchObject([{ job_id: 'job_3', status: 'completed' }])
    expect(run.accepted()).toBe(1)
  })

  it('takes the answer of a job that has completed under the same key before', async () => {
    const run = startRun({ submit: async () => ({ id: 'job_old', status: 'completed' }) }, { text: 'one\n' })
    await run.ended
    expect(run.keys).toHaveLength(1)
    expect(run.lines).toMatchObject([{ job_id: 'job_old', result_text: 'answer of job_old' }])
  })

  it('sends a chunk again when the server has lost its job, but not for ever', async () => {
    const once = startRun(
      {
        get: async ({ number, id }) => {
          if (number === 1) throw refusal(404, 'job_not_found')
          return endedJob(id)
        },
      },
      { text: 'one\n' },
    )
    await once.ended
    expect(once.lines).toMatchObject([{ job_id: 'job_2', status: 'completed' }])
    expect(once.accepted()).toBe(1)

    const always = startRun({ get: () => Promise.reject(refusal(404, 'job_not_found')) }, { text: 'one\n' })
    await always.ended
    expect(always.lines).toMatchObject([{ status: 'failed', error: { code: 'job_not_found' } }])
  })

  it('stops at once when it is told to, and hands nothing over after that', async () => {
    const stop = new AbortController()
    const run = startRun(
      {
        get: ({ id, number }) =>
          number <= 1
            ? Promise.resolve(endedJob(id))
            : new Promise((_, reject) => {
                stop.signal.addEventListener('abort', () => reject(stop.signal.reason))
              }),
      },
      {
        text: 'abc\n'.repeat(20),
        stop: stop.signal,
        onResult: async () => {
          setImmediate(() => stop.abort(new Interrupted('SIGINT')))
        },
      },
    )
    await expect(run.ended).rejects.toThrow(Interrupted)
    expect(run.lines).toHaveLength(1)
  })

  it('stops when a result can not be written', async () => {
    const run = startRun({}, { text: 'abc\n'.repeat(100), onResult: () => Promise.reject(new Error('disk full')) })
    await expect(run.ended).rejects.toThrow('disk full')
    expect(run.keys.length).toBeLessThanOrEqual(4)
  })
})
