import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import { breaker, failedAttempt, type Gate, GateBench, gateOf, laneOf } from '../support/gates.ts'

let bench: GateBench
beforeEach(async () => {
  bench = await GateBench.start()
})
afterEach(() => bench[Symbol.asyncDispose]())

const view = async (gate: Gate) => {
  const [found] = await bench.gates.peek([gate], bench.nowMs)
  if (!found) throw new Error('no view')
  return found
}
const stateOf = async (gate: Gate) => (await view(gate)).breaker
const fail = async (gate: Gate, times: number) => {
  for (let time = 0; time < times; time += 1) await bench.call(gate, 'failure')
}

describe('a breaker', () => {
  const gate = gateOf()

  it('opens after so many failures in a row, and refuses until its time is over', async () => {
    await fail(gate, breaker.failures - 1)
    expect(await view(gate)).toMatchObject({ breaker: 'closed', closed: null, failures: 2 })
    await fail(gate, 1)
    const { closed, breaker: state } = await view(gate)
    expect(state).toBe('open')
    expect(closed?.reason).toBe('breaker')
    const opensAtMs = closed?.opensAtMs ?? 0
    expect(opensAtMs).toBeGreaterThanOrEqual(bench.nowMs + 0.75 * breaker.openMs)
    expect(opensAtMs).toBeLessThanOrEqual(bench.nowMs + breaker.openMs)
    bench.nowMs = opensAtMs - 1
    expect(await bench.refusal(gate)).toBe('breaker')
    bench.nowMs = opensAtMs
    expect(await bench.refusal(gate)).toBeNull()
  })

  it('does not count failures before a success, nor such that are older than its window', async () => {
    await fail(gate, breaker.failures - 1)
    await bench.call(gate, 'success')
    await fail(gate, breaker.failures - 1)
    expect(await stateOf(gate)).toBe('closed')
    bench.nowMs += breaker.windowMs
    await fail(gate, breaker.failures - 1)
    expect(await view(gate)).toMatchObject({ breaker: 'closed', failures: breaker.failures - 1 })
  })

  it('counts failures in a window that slides: what matters is how far the first and the last are apart', async () => {
    await fail(gate, 1)
    bench.nowMs += breaker.windowMs - 1
    await fail(gate, 1)
    bench.nowMs += 2
    await fail(gate, 1)
    expect(await stateOf(gate)).toBe('closed')
    await fail(gate, 1)
    expect(await stateOf(gate)).toBe('open')
  })

  it('opens at once for what every other call would meet too', async () => {
    await bench.call(gate, 'broken')
    expect(await stateOf(gate)).toBe('open')
  })

  it('is left as it is by what says nothing about the deployment', async () => {
    await fail(gate, breaker.failures - 1)
    for (let time = 0; time < 5; time += 1) await bench.call(gate, 'neutral')
    expect(await view(gate)).toMatchObject({ breaker: 'closed', failures: breaker.failures - 1 })
  })

  it('lets one probe in at a time, however many ask, and closes when it succeeds', async () => {
    await bench.call(gate, 'broken')
    bench.nowMs += breaker.openMs
    const jobs = await Promise.all(Array.from({ length: 30 }, () => bench.addJob()))
    const starts = await Promise.all(jobs.map((id) => bench.claim(id, gate)))
    const letIn = starts.filter(({ kind }) => kind === 'go')
    expect(letIn).toHaveLength(1)
    expect(letIn[0]).toMatchObject({ isProbe: true })
    expect(await view(gate)).toMatchObject({ breaker: 'half_open', closed: { reason: 'breaker', opensAtMs: null } })
    await bench.report(jobs[starts.findIndex(({ kind }) => kind === 'go')] as JobId, gate, 'success')
    expect(await view(gate)).toMatchObject({ breaker: 'closed', closed: null, failures: 0 })
    expect(await bench.claim(jobs.at(-1) as JobId, gate)).toMatchObject({ kind: 'go', isProbe: false })
    expect(await bench.leftovers()).toEqual([])
  })

  it('stays open twice as long after each probe that fails, up to a limit, and starts anew after a success', async () => {
    await bench.call(gate, 'broken')
    for (const lastsMs of [10_000, 20_000, 40_000, 60_000, 60_000]) {
      const waitMs = ((await view(gate)).closed?.opensAtMs ?? 0) - bench.nowMs
      expect(waitMs).toBeGreaterThanOrEqual(0.75 * lastsMs)
      expect(waitMs).toBeLessThanOrEqual(lastsMs)
      bench.nowMs += waitMs
      await fail(gate, 1)
    }
    bench.nowMs += breaker.maxOpenMs
    await bench.call(gate, 'success')
    await bench.call(gate, 'broken')
    expect((await view(gate)).closed?.opensAtMs).toBeLessThanOrEqual(bench.nowMs + breaker.openMs)
  })

  it('lets the next probe in when one ends without news, is lost, cancelled or overdue', async () => {
    await bench.call(gate, 'broken')
    bench.nowMs += breaker.openMs
    await bench.call(gate, 'neutral')
    const endings = ['cancel', 'expire'] as const
    for (const ending of endings) {
      const id = await bench.addJob()
      expect(await bench.claim(id, gate)).toMatchObject({ kind: 'go', isProbe: true })
      expect(await bench.refusal(gate)).toBe('breaker')
      await bench.store.end(id, ending, {})
    }
    const id = await bench.addJob()
    expect(await bench.claim(id, gate)).toMatchObject({ kind: 'go', isProbe: true })
    // Its worker dies, and another one takes it: it is the probe still.
    expect(await bench.claim(id, gate)).toMatchObject({ kind: 'go', isProbe: true, fence: 2 })
    expect(await stateOf(gate)).toBe('half_open')
  })

  it('is not closed by a call that began before it opened, nor opened longer', async () => {
    const [early, late] = [await bench.addJob(), await bench.addJob()]
    await bench.claim(early, gate)
    await bench.claim(late, gate)
    await bench.call(gate, 'broken')
    const before = (await view(gate)).closed
    await bench.report(early, gate, 'success')
    await bench.report(late, gate, 'failure')
    expect(await view(gate)).toMatchObject({ breaker: 'open', closed: before })
  })
})

describe('an upstream that asks to stay away', () => {
  it('is left alone by everybody until then, whatever succeeds meanwhile', async () => {
    const gate = gateOf()
    const running = await bench.addJob()
    await bench.claim(running, gate)
    await bench.call(gate, 'neutral', { stayAwayMs: 5_000 })
    await bench.report(running, gate, 'success')
    const closed = { reason: 'retry_after', opensAtMs: bench.nowMs + 5_000 }
    expect(await view(gate)).toMatchObject({ breaker: 'closed', closed })
    expect(await bench.refusal(gate)).toBe('retry_after')
    bench.nowMs += 5_000
    expect(await bench.refusal(gate)).toBeNull()
  })

  it('is not called sooner because it asks another caller for less', async () => {
    const gate = gateOf()
    const running = await bench.addJob()
    await bench.claim(running, gate)
    await bench.call(gate, 'neutral', { stayAwayMs: 5_000 })
    await bench.report(running, gate, 'neutral', { stayAwayMs: 1_000 })
    expect((await view(gate)).closed?.opensAtMs).toBe(bench.nowMs + 5_000)
  })
})

describe('a limit on calls at once', () => {
  const gate = gateOf({ parallel: 2 })

  it('holds over all claimers, and has a place again however a call ends', async () => {
    const jobs = await Promise.all(Array.from({ length: 10 }, () => bench.addJob()))
    const starts = await Promise.all(jobs.map((id) => bench.claim(id, gate)))
    const [first, second] = jobs.filter((_, index) => starts[index]?.kind === 'go') as [JobId, JobId]
    expect(starts.filter(({ kind }) => kind === 'closed')).toHaveLength(8)
    expect((await view(gate)).running).toBe(2)
    const endings: ((id: JobId) => Promise<unknown>)[] = [
      (id) => bench.report(id, gate, 'success'),
      (id) => bench.report(id, gate, 'failure'),
      (id) => bench.store.end(id, 'cancel', {}),
      (id) => bench.store.end(id, 'expire', {}),
      (id) => bench.store.moveOn(id, { fromHop: 1, candidate: 1, lane: laneOf(), readyAtMs: 0 }),
      (id) => bench.park(id, 1),
      (id) =>
        bench.store.retry(id, 1, {
          lane: laneOf(),
          candidate: 0,
          hop: 2,
          readyAtMs: 0,
          attempts: [],
          attempt: failedAttempt(id),
          resetOutput: false,
        }),
    ]
    await bench.store.end(second, 'cancel', {})
    let running = first
    for (const end of endings) {
      const next = await bench.addJob({ priority: 'interactive' })
      expect((await bench.claim(next, gate)).kind).toBe('go')
      expect(await bench.refusal(gate, { priority: 'interactive' })).toBe('parallel')
      await end(running)
      running = next
    }
    await bench.store.end(running, 'cancel', {})
    expect((await view(gate)).running).toBe(0)
  })

  it('has a job once, also when it is claimed again after its worker was lost', async () => {
    const one = gateOf({ parallel: 1 })
    const id = await bench.addJob()
    for (let claim = 1; claim <= 3; claim += 1) expect((await bench.claim(id, one)).kind).toBe('go')
    expect((await view(one)).running).toBe(1)
  })

  it('lets a job go that is claimed again at another node’s gate', async () => {
    const ofNode = (node: string) => gateOf({ parallel: 1 }, { gate: `gpt@${node}` })
    const id = await bench.addJob()
    await bench.claim(id, ofNode('one'))
    await bench.claim(id, ofNode('two'))
    expect([(await view(ofNode('one'))).running, (await view(ofNode('two'))).running]).toEqual([0, 1])
  })

  it('costs a job nothing that is refused: it waits as before, and its claim was not counted', async () => {
    const one = gateOf({ parallel: 1 })
    await bench.claim(await bench.addJob(), one)
    const id = await bench.addJob()
    const before = await bench.redis.hgetall(`sluice:job:${id}`)
    expect(await bench.claim(id, one)).toMatchObject({
      kind: 'closed',
      closed: { reason: 'parallel', opensAtMs: null },
      candidate: 0,
      attempts: [],
      priority: 'standard',
      sensitivity: 'public',
    })
    expect(await bench.redis.hgetall(`sluice:job:${id}`)).toEqual(before)
  })
})

describe('a limit on tokens', () => {
  const gate = gateOf({ tokensPerMinute: 1_000 })

  it('books the estimate, and settles it with what was used', async () => {
    const id = await bench.addJob()
    await bench.claim(id, gate, { tokens: 900 })
    expect(await bench.refusal(gate, { tokens: 101 })).toBe('tokens')
    await bench.report(id, gate, 'success', { tokens: 300 })
    expect(await bench.refusal(gate, { tokens: 700 })).toBeNull()
    expect(await bench.refusal(gate, { tokens: 1 })).toBe('tokens')
  })

  it('counts what was used beyond the estimate', async () => {
    const id = await bench.addJob()
    await bench.claim(id, gate, { tokens: 100 })
    await bench.report(id, gate, 'success', { tokens: 950 })
    expect(await bench.refusal(gate, { tokens: 51 })).toBe('tokens')
    expect(await bench.refusal(gate, { tokens: 50 })).toBeNull()
  })

  it('takes the estimate of the plan where the claim has none', async () => {
    const plan = {
      promptTokens: 400,
      allowance: { reserved: 1, promptTokens: 500, choices: 2, outputTokens: 250 },
    }
    expect(await bench.refusal(gate, { plan })).toBeNull()
    expect(await bench.refusal(gate, { tokens: 101 })).toBe('tokens')
    expect(await bench.refusal(gate, { tokens: 100 })).toBeNull()
  })

  it('gives a call that is larger than a minute a minute for itself', async () => {
    expect(await bench.refusal(gate, { tokens: 1 })).toBeNull()
    expect(await bench.refusal(gate, { tokens: 5_000 })).toBe('tokens')
    bench.nowMs += 62_000
    expect(await bench.refusal(gate, { tokens: 5_000 })).toBeNull()
    expect(await bench.refusal(gate, { tokens: 1 })).toBe('tokens')
  })
})

describe('a gate without limits', () => {
  it('leaves nothing behind, and is asked for nothing, while all goes well', async () => {
    await bench.call(gateOf(), 'success')
    expect(await bench.leftovers()).toEqual([])
    const id = await bench.addJob()
    await bench.claim(id, gateOf())
    expect(await bench.redis.hmget(`sluice:job:${id}`, 'held', 'parked', 'booked')).toEqual([null, null, null])
  })

  it('counts running calls where somebody wants to know', async () => {
    const gate = gateOf({}, { countsRunning: true })
    const id = await bench.addJob()
    await bench.claim(id, gate)
    expect((await view(gate)).running).toBe(1)
    await bench.report(id, gate, 'success')
    expect(await bench.leftovers()).toEqual([])
  })

  it('is not passed by a node that says that it can’t serve: the job waits as before', async () => {
    const id = await bench.addJob()
    const claim = { hop: 1, pool: 'cloud', node: 'node', nowMs: bench.nowMs, gate: null, shut: true }
    const closed = { reason: 'not_ready', opensAtMs: null }
    expect(await bench.store.startAttempt(id, claim)).toMatchObject({ kind: 'closed', closed })
    expect((await bench.store.read(id))?.stage).toBe('waiting')
  })
})
