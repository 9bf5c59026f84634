import { describe, expect, it } from 'vitest'
import type { WokenJob } from '../../src/core/gate.ts'
import { type Provider, ProviderError } from '../../src/core/provider.ts'
import { keys } from '../../src/store/keys.ts'
import { chunkRecord } from '../support/chat-upstream.ts'
import { answer, DispatchBench, settingsOf } from '../support/dispatch-bench.ts'
import { eventually } from '../support/eventually.ts'
import { dataOf } from '../support/sse-reader.ts'

const chunk = (delta: object, finish: string | null = null) => dataOf(chunkRecord(delta, finish))
const role = chunk({ role: 'assistant', content: '' })
const whole = [role, chunk({ content: 'hello' }), chunk({}, 'stop')]
const filteredAway = {
  bodyJson: JSON.stringify({
    choices: [{ index: 0, message: { role: 'assistant', content: null }, finish_reason: 'content_filter' }],
  }),
  usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 },
}
const noCalls: Provider = {
  complete: () => Promise.reject(new Error('not this call')),
  embed: () => Promise.reject(new Error('not this call')),
  async *stream() {},
  close: async () => {},
}
const lenient = { deployment: 'lenient', pool: 'cloud', after: 'content_policy' } as const
const gpt = { deployment: 'gpt', pool: 'cloud' } as const
const llama = { deployment: 'llama', pool: 'studio' } as const

describe('a job whose deadline has passed', () => {
  it('expires without a call', async () => {
    await using bench = await DispatchBench.start()
    const id = await bench.addJob({ createdAtMs: Date.now() - 3_600_001 })
    await bench.run(id)
    expect(await bench.outcome(id)).toEqual({ status: 'expired', code: 'deadline_exceeded', attempts: [] })
    expect(bench.calls).toEqual([])
  })

  it('expires behind a closed gate too', async () => {
    await using bench = await DispatchBench.start()
    await shut(bench, 'gpt')
    const id = await bench.addJob({ createdAtMs: Date.now() - 3_600_001 })
    await bench.run(id)
    expect(await bench.outcome(id)).toEqual({ status: 'expired', code: 'deadline_exceeded', attempts: [] })
  })
})

describe('a job whose gate is closed', () => {
  it('goes to an open one without an attempt', async () => {
    await using bench = await DispatchBench.start()
    await shut(bench, 'gpt')
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toEqual({ status: 'completed', code: null, attempts: ['llama completed'] })
  })

  it('waits for the one that opens first where all are closed, and is served when that opens', async () => {
    await using bench = await DispatchBench.start()
    await shut(bench, 'gpt', 60_000)
    await shut(bench, 'llama', 300)
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toEqual({ status: 'queued', code: null, attempts: [] })
    const [woken] = await wake(bench, 'llama')
    expect(woken).toMatchObject({ id, deployment: 'llama', lane: { pool: 'studio' } })
    await bench.deliver(id, { deployment: 'llama', pool: 'studio', hop: woken?.hop ?? 0 })
    expect(await bench.outcome(id)).toEqual({ status: 'completed', code: null, attempts: ['llama completed'] })
  })

  it('waits for its own where the model has it so, though another is open', async () => {
    await using bench = await DispatchBench.start()
    await shut(bench, 'gpt')
    const id = await bench.addJob({ plan: { onOutage: 'wait' } })
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'queued', attempts: [] })
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view?.parked).toBe(1)
    expect(bench.calls).toEqual([])
  })

  it('loses no attempt by the probe that it makes for everybody', async () => {
    await using bench = await DispatchBench.start({ gpt: ['connection'] })
    bench.deps = { policy: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1_000 } }
    const id = await bench.addJob({ plan: { candidates: [gpt] } })
    await shut(bench, 'gpt')
    await bench.redis.hset(keys.gate('state', 'gpt'), 'open', Date.now() - 1_000)
    await bench.run(id)
    expect(bench.calls).toHaveLength(1)
    const { stage, attempts } = await bench.job(id)
    // One attempt is all that it may make, and it still waits: the gate is closed again.
    expect(stage).toBe('retrying')
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view).toMatchObject({ breaker: 'open', parked: 1 })
    expect(attempts).toMatchObject([{ outcome: 'connection', isProbe: true }])
  })
})

describe('a node that is not ready', () => {
  it('leaves its jobs to the other nodes of the pool', async () => {
    await using bench = await DispatchBench.start()
    bench.deps = { refusalOf: () => ({ kind: 'not_ready', reason: 'the server is down', isElsewhere: true }) }
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'queued', attempts: [] })
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view?.parked).toBe(1)
  })

  it('hands them to the next candidate where no other node is ready', async () => {
    await using bench = await DispatchBench.start()
    bench.deps = {
      refusalOf: (deployment) =>
        deployment === 'gpt' ? { kind: 'not_ready', reason: 'the server is down', isElsewhere: false } : null,
    }
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'completed', attempts: ['llama completed'] })
  })

  it('sends back what has failed there before only after a pause', async () => {
    await using bench = await DispatchBench.start({ gpt: ['overloaded', answer('well again')] })
    bench.deps = {
      policy: { maxAttempts: 4, baseDelayMs: 60_000, maxDelayMs: 60_000 },
      random: () => 0.5,
      refusalOf: (deployment) =>
        deployment === 'llama' ? { kind: 'not_ready', reason: 'the server is down', isElsewhere: false } : null,
    }
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ attempts: ['gpt overloaded', 'gpt completed'] })
    expect(bench.waits.map(({ deployment }) => deployment)).toEqual(['llama', 'gpt'])
    const [there, back] = bench.waits.map(({ delayMs }) => delayMs)
    expect(there).toBe(0)
    expect(back).toBeGreaterThan(0)
  })

  it('refuses a class that its server may not see before it claims a job, and serves the others', async () => {
    await using bench = await DispatchBench.start()
    bench.deps = {
      sensitivityOf: () => 'restricted',
      refusalOf: (_deployment, sensitivity) =>
        sensitivity === 'restricted' ? { kind: 'not_ready', reason: 'nobody knows', isElsewhere: true } : null,
    }
    const closed = await bench.addJob()
    await bench.run(closed)
    expect(await bench.outcome(closed)).toMatchObject({ status: 'queued', attempts: [] })
    bench.deps = { ...bench.deps, sensitivityOf: () => 'public' }
    const open = await bench.addJob({ priority: 'interactive' })
    await bench.run(open)
    expect(await bench.outcome(open)).toMatchObject({ status: 'completed', attempts: ['gpt completed'] })
  })

  it('makes no call for a class that its server may not see', async () => {
    await using bench = await DispatchBench.start()
    bench.deps = {
      refusalOf: (deployment, sensitivity) =>
        deployment === 'gpt' && sensitivity === 'public'
          ? { kind: 'forbidden', reason: 'its server may ask a cloud' }
          : null,
    }
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({
      status: 'completed',
      attempts: ['gpt unsupported', 'llama completed'],
    })
    expect(bench.calls.map(({ deployment }) => deployment)).toEqual(['llama'])
  })
})

describe('what an upstream asks and says', () => {
  it('keeps everybody away for as long as it asks, and sends the job elsewhere', async () => {
    const busy = new ProviderError('rate_limited', 'too many', { status: 429, retryAfterMs: 800 })
    await using bench = await DispatchBench.start({ gpt: [busy] })
    const first = await bench.addJob()
    await bench.run(first)
    expect((await bench.outcome(first)).attempts).toEqual(['gpt rate_limited', 'llama completed'])
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view).toMatchObject({ breaker: 'closed', closed: { reason: 'retry_after' } })
    const second = await bench.addJob()
    await bench.run(second)
    expect((await bench.outcome(second)).attempts).toEqual(['llama completed'])
  })

  it('opens the breaker where it asks for longer than is honoured: who came back earlier would be refused', async () => {
    const away = new ProviderError('rate_limited', 'come back tomorrow', { status: 429, retryAfterMs: 86_400_000 })
    await using bench = await DispatchBench.start({ gpt: [away] })
    await bench.run(await bench.addJob())
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view).toMatchObject({ breaker: 'open', failures: 0 })
  })

  it('opens the breaker at once where our key is refused', async () => {
    await using bench = await DispatchBench.start({ gpt: ['auth'] })
    await bench.run(await bench.addJob())
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view?.breaker).toBe('open')
  })

  it('tells the breaker nothing where the job itself is at fault', async () => {
    await using bench = await DispatchBench.start({ gpt: ['invalid_request'] })
    for (let round = 0; round < 5; round += 1) await bench.run(await bench.addJob())
    const [view] = await bench.gates.peek([settingsOf('gpt')], Date.now())
    expect(view).toMatchObject({ breaker: 'closed', closed: null, failures: 0 })
  })
})

describe('an answer that its upstream filtered away', () => {
  const candidates = [gpt, lenient]

  it('goes to the caller as it is where no other model is there for it', async () => {
    await using bench = await DispatchBench.start({ gpt: [filteredAway] })
    const id = await bench.addJob()
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'completed', attempts: ['gpt completed'] })
    expect(await bench.store.readResult(id)).toBe(filteredAway.bodyJson)
  })

  it('makes room for the model that is', async () => {
    await using bench = await DispatchBench.start({ gpt: [filteredAway] })
    const id = await bench.addJob({ plan: { candidates } })
    await bench.run(id)
    expect((await bench.outcome(id)).attempts).toEqual(['gpt content_policy', 'lenient completed'])
  })

  it('is not shown to the reader of a stream then', async () => {
    const silent = { chunks: [role, chunk({}, 'content_filter')] }
    await using bench = await DispatchBench.start({ gpt: [silent], lenient: [{ chunks: whole }] })
    const id = await bench.addJob({ plan: { candidates, stream: true, surface: 'chat' } })
    await bench.run(id)
    expect((await bench.outcome(id)).attempts).toEqual(['gpt content_policy', 'lenient completed'])
    expect((await bench.events(id)).filter((event) => event.startsWith('output'))).toEqual(
      whole.map((text) => `output.delta ${text}`),
    )
  })
})

describe('a stream that breaks', () => {
  const candidates = [gpt, llama]
  const broken = { chunks: [role, chunk({ content: 'half' })], failure: 'cut_stream' } as const

  it('is made up for in a chat as long as nothing was said', async () => {
    const silent = { chunks: [role], failure: 'cut_stream' } as const
    await using bench = await DispatchBench.start({ gpt: [silent, { chunks: whole }] })
    const id = await bench.addJob({ plan: { candidates, stream: true, surface: 'chat' } })
    await bench.run(id)
    expect((await bench.outcome(id)).attempts).toEqual(['gpt cut_stream', 'gpt completed'])
    expect((await bench.events(id)).filter((event) => event.startsWith('output.reset'))).toEqual([])
  })

  it('ends a chat after its first token', async () => {
    await using bench = await DispatchBench.start({ gpt: [broken, { chunks: whole }] })
    const id = await bench.addJob({ plan: { candidates, stream: true, surface: 'chat' } })
    await bench.run(id)
    expect(await bench.outcome(id)).toEqual({
      status: 'failed',
      code: 'stream_interrupted',
      attempts: ['gpt cut_stream'],
    })
  })

  it('starts a job over, and says so', async () => {
    await using bench = await DispatchBench.start({ gpt: [broken, { chunks: whole }] })
    const id = await bench.addJob({ plan: { candidates, stream: true, surface: 'jobs' } })
    await bench.run(id)
    expect((await bench.outcome(id)).attempts).toEqual(['gpt cut_stream', 'gpt completed'])
    const types = (await bench.events(id)).map((event) => event.split(' ')[0])
    expect(types).toContain('output.reset')
    expect(types.lastIndexOf('output.reset')).toBeLessThan(types.lastIndexOf('output.delta'))
  })

  it('ends a job of a model that has it so', async () => {
    await using bench = await DispatchBench.start({ gpt: [broken, { chunks: whole }] })
    const id = await bench.addJob({ plan: { candidates, stream: true, surface: 'jobs', onCutStream: 'fail' } })
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'failed', code: 'stream_interrupted' })
    expect(await bench.events(id)).not.toContain('output.reset {}')
  })

  it('says nothing for long is passed on all the same', async () => {
    const pings = Array.from({ length: 60 }, () => chunk({ content: '' }))
    await using bench = await DispatchBench.start({
      gpt: [{ chunks: [...pings, chunk({ content: 'x' }), chunk({}, 'stop')] }],
    })
    const id = await bench.addJob({ plan: { candidates, stream: true } })
    await bench.run(id)
    expect((await bench.events(id)).filter((event) => event.startsWith('output.delta'))).toHaveLength(62)
  })
})

describe('cancelling against completing', () => {
  it('has one winner, and the job is what the winner says', async () => {
    await using bench = await DispatchBench.start()
    for (let round = 0; round < 40; round += 1) {
      const id = await bench.addJob()
      const claim = await bench.store.startAttempt(id, {
        hop: 1,
        pool: 'cloud',
        node: 'node',
        nowMs: Date.now(),
        gate: null,
      })
      if (claim.kind !== 'go') throw new Error(claim.kind)
      const complete = () => bench.store.end(id, 'complete', { resultJson: '"done"' }, claim.fence)
      const cancel = () => bench.store.end(id, 'cancel', { error: { code: 'job_cancelled', message: 'cancelled' } })
      const [completed, cancelled] =
        round % 2 === 0
          ? await Promise.all([complete(), cancel()])
          : (await Promise.all([cancel(), complete()])).toReversed()
      expect([completed, cancelled].filter(Boolean)).toHaveLength(1)
      expect((await bench.job(id)).status).toBe(completed ? 'completed' : 'cancelled')
      expect(await bench.store.readResult(id)).toBe(completed ? '"done"' : null)
      expect((await bench.events(id)).filter((event) => /^job\.(completed|cancelled)/.test(event))).toHaveLength(1)
    }
  })

  it('books what a stream had used when its job was cancelled', async () => {
    await using bench = await DispatchBench.start()
    const id = await bench.addJob({ plan: { stream: true, promptTokens: 100 } })
    bench.upstream = {
      price: { input: 1_000_000, output: 2_000_000, cachedInput: 1_000_000, reasoning: 2_000_000 },
      run: (work) =>
        work({
          ...noCalls,
          async *stream() {
            yield [chunk({ content: 'twenty characters it' })]
            await expect.poll(() => bench.events(id)).toContainEqual(expect.stringMatching(/^output.delta/))
            await bench.store.end(id, 'cancel', { error: { code: 'job_cancelled', message: 'cancelled' } })
            yield [chunk({ content: 'more' })]
          },
        }),
    }
    await expect(bench.run(id)).rejects.toThrow('lost')
    // A hundred tokens of the prompt, and five of the twenty characters that came.
    expect((await bench.job(id)).attempts).toMatchObject([{ deployment: 'gpt', outcome: 'cancelled', cost: 110 }])
  })

  it('leaves the answer of a cancelled job unwritten, and its entry to the lease', async () => {
    await using bench = await DispatchBench.start()
    const id = await bench.addJob()
    bench.upstream = {
      run: async (work) => {
        await bench.store.end(id, 'cancel', { error: { code: 'job_cancelled', message: 'cancelled' } })
        return work({ ...noCalls, complete: async () => answer('too late') })
      },
    }
    await expect(bench.run(id)).rejects.toThrow('lost')
    expect((await bench.job(id)).status).toBe('cancelled')
    expect(await bench.store.readResult(id)).toBeNull()
  })
})

describe('an embeddings job', () => {
  const endpoint = '/v1/embeddings'
  const vectors = {
    bodyJson: '{"object":"list","data":[]}',
    usage: { prompt_tokens: 8, completion_tokens: 0, total_tokens: 8 },
  }

  it('calls the embeddings of the deployment with the body as it is', async () => {
    await using bench = await DispatchBench.start({ gpt: ['server_error', vectors] })
    bench.upstream = { price: { input: 1_000, output: 2_000, cachedInput: 1_000, reasoning: 2_000 } }
    const allowance = { reserved: 10_000, promptTokens: 8, choices: 1, outputTokens: null }
    const id = await bench.addJob({ plan: { endpoint, allowance } })
    await bench.run(id)
    expect(bench.calls).toEqual([
      { deployment: 'gpt', endpoint: 'embeddings', bodyJson: '{}' },
      { deployment: 'gpt', endpoint: 'embeddings', bodyJson: '{}' },
    ])
    expect(await bench.outcome(id)).toMatchObject({
      status: 'completed',
      attempts: ['gpt server_error', 'gpt completed'],
    })
    expect(await bench.store.readResult(id)).toBe(vectors.bodyJson)
  })

  it('is not sent where its money does not pay for the input', async () => {
    await using bench = await DispatchBench.start({ gpt: [vectors] })
    bench.upstream = { price: { input: 1_000_000, output: 0, cachedInput: 0, reasoning: 0 } }
    const allowance = { reserved: 7, promptTokens: 8, choices: 1, outputTokens: null }
    const id = await bench.addJob({ plan: { endpoint, allowance } })
    await bench.run(id)
    expect(await bench.outcome(id)).toMatchObject({ status: 'failed', code: 'budget_exceeded', attempts: [] })
  })
})

/** Opens the breaker of a deployment, for so long. */
async function shut(bench: DispatchBench, deployment: string, openMs = 60_000): Promise<void> {
  const settings = { ...settingsOf(deployment), breaker: { failures: 1, windowMs: 60_000, openMs, maxOpenMs: openMs } }
  const id = await bench.addJob()
  const gate = { ...settings, tokens: 0 }
  const claim = await bench.store.startAttempt(id, { hop: 1, pool: 'cloud', node: 'node', nowMs: Date.now(), gate })
  if (claim.kind !== 'go') throw new Error(claim.kind)
  const report = { ...settings, outcome: 'broken', stayAwayMs: null, tokens: null } as const
  await bench.store.end(id, 'fail', { gate: report }, claim.fence)
}

/** Waits until a parked job has a place. */
function wake(bench: DispatchBench, deployment: string): Promise<readonly WokenJob[]> {
  return eventually('a parked job is woken', async () => {
    const { woken } = await bench.gates.wake(settingsOf(deployment), 1, Date.now())
    return woken.length > 0 && woken
  })
}
