import { describe, expect, it } from 'vitest'
import type { Gates, GateView } from '../../src/core/gate.ts'
import type { NodeReport } from '../../src/core/node.ts'
import type { OwnedRecord } from '../../src/core/record-archive.ts'
import type { AttemptRecord } from '../../src/core/records.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisRoutingSignals, type SignalSubject } from '../../src/store/routing-signals.ts'
import { RedisSpeeds } from '../../src/store/speeds.ts'
import { silentLog } from '../support/mortal.ts'
import { startTestRedis } from '../support/redis.ts'
import { deployment, gate } from '../support/routes.ts'

async function openSpeeds() {
  await using cleanup = new AsyncDisposableStack()
  const server = cleanup.use(await startTestRedis())
  const redis = connectRedis(server.url, 'worker')
  cleanup.defer(() => redis.disconnect())
  const owned = cleanup.move()
  return { redis, speeds: new RedisSpeeds(redis), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

let records = 0

/** A completed attempt of 1,000 ms to its first token and 100 tokens in the second after it. */
function attempt(facts: Partial<AttemptRecord> = {}): OwnedRecord {
  const usage = { prompt_tokens: 1, completion_tokens: 100, total_tokens: 101 }
  const record = {
    kind: 'attempt',
    atMs: 0,
    deployment: 'a',
    outcome: 'completed',
    ms: 2_000,
    firstTokenMs: 1_000,
    usage,
    ...facts,
  } as AttemptRecord
  return { id: `${++records}-0`, record, owner: null }
}

const usageOf = (tokens: number) => ({ prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 })

describe('speeds', () => {
  it('are averages of what was observed, the latest worth most', async () => {
    await using bench = await openSpeeds()
    const { speeds } = bench
    expect(await speeds.read(['a', 'b'], 0)).toEqual([null, null])
    await speeds.observe([attempt(), attempt({ ms: 4_000, firstTokenMs: 3_000 })])
    expect(await speeds.read(['a', 'b'], 0)).toEqual([{ firstTokenMs: 2_000, tokensPerSecond: 100 }, null])
    // Two half-lives later what was before counts a quarter: 0.5 observations of 2,000 ms, and one of 500.
    await speeds.observe([attempt({ atMs: 240_000, ms: 1_500, firstTokenMs: 500 })])
    const [after] = await speeds.read(['a'], 240_000)
    expect(after?.firstTokenMs).toBeCloseTo(1_000)
    expect(after?.tokensPerSecond).toBeCloseTo(100)
  })

  it('count tokens by the time that they took, whatever the length of an answer', async () => {
    await using bench = await openSpeeds()
    const { speeds } = bench
    const short = attempt({ ms: 1_001, firstTokenMs: 901, usage: usageOf(1) })
    await speeds.observe([short, attempt({ ms: 11_000, firstTokenMs: 1_000, usage: usageOf(1_009) })])
    const [speed] = await speeds.read(['a'], 0)
    expect(speed?.tokensPerSecond).toBeCloseTo(100)
  })

  it('take off what is known of the first token where an answer came in one piece', async () => {
    await using bench = await openSpeeds()
    const { speeds } = bench
    const whole = { ms: 2_000, firstTokenMs: 1_970 }
    await speeds.observe([attempt({ deployment: 'b', ...whole })])
    await speeds.observe([attempt(), attempt(whole)])
    expect(await speeds.read(['a', 'b'], 0)).toEqual([
      { firstTokenMs: 1_000, tokensPerSecond: 100 },
      { firstTokenMs: 0, tokensPerSecond: 50 },
    ])
  })

  it('say nothing after a failure, and are forgotten when nothing new comes', async () => {
    await using bench = await openSpeeds()
    const { speeds } = bench
    await speeds.observe([attempt({ outcome: 'server_error' }), attempt({ usage: null })])
    expect(await speeds.read(['a'], 0)).toEqual([null])
    await speeds.observe([attempt()])
    expect(await speeds.read(['a'], 15 * 60_000)).not.toEqual([null])
    expect(await speeds.read(['a'], 15 * 60_000 + 1)).toEqual([null])
  })

  it('are one question however many deployments there are', async () => {
    await using bench = await openSpeeds()
    const { redis, speeds } = bench
    const calls = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])
    const before = await calls()
    await speeds.read(
      Array.from({ length: 500 }, (_, index) => `d${index}`),
      0,
    )
    // `INFO` counts itself.
    expect((await calls()) - before).toBe(2)
  })
})

interface World {
  nowMs: number
  views: Record<string, GateView>
  reports: readonly NodeReport[]
  isAway: boolean
  asked: string[]
}

function open(subjects: readonly SignalSubject[], world: World): RedisRoutingSignals {
  const check = () => {
    if (world.isAway) throw new Error('away')
  }
  const gates: Pick<Gates, 'peek'> = {
    async peek(asked) {
      check()
      world.asked = asked.map((each) => each.gate)
      return world.asked.map((name) => world.views[name] ?? gate({ gate: name }))
    },
  }
  return new RedisRoutingSignals({
    subjects,
    gates,
    nodes: { list: async () => world.reports },
    speeds: { read: async (ids) => ids.map(() => null) },
    heartbeatMs: 3_000,
    log: silentLog,
    now: () => world.nowMs,
  })
}

function report(node: string, facts: object = {}): NodeReport {
  return {
    node,
    pool: 'studio',
    isDraining: false,
    waiting: 0,
    deployments: [{ id: 'a', isReady: true, reason: null, isLoaded: null }],
    ...facts,
  } as unknown as NodeReport
}

const world = (facts: Partial<World> = {}): World => ({
  nowMs: 0,
  views: {},
  reports: [],
  isAway: false,
  asked: [],
  ...facts,
})

describe('routing signals', () => {
  it('miss no node before each has had the time to report', async () => {
    const seen = world()
    const signals = open([deployment('a')], seen)
    await signals.start()
    expect(signals.of('a').readyNodes).toBeNull()
    seen.nowMs = 3_001
    await signals.refresh()
    expect(signals.of('a').readyNodes).toBe(0)
    const notReady = { deployments: [{ id: 'a', isReady: false, reason: 'suspected', isLoaded: null }] }
    seen.reports = [
      report('one'),
      report('two', { isDraining: true }),
      report('three', notReady),
      report('four', { pool: 'x' }),
    ]
    await signals.refresh()
    expect(signals.of('a').readyNodes).toBe(1)
    signals.stop()
  })

  it('take the best gate of a deployment that every node has for itself', async () => {
    const closed = gate({ closed: { reason: 'breaker', opensAtMs: 9 }, running: 1, parked: 3 })
    const seen = world({ reports: [report('one'), report('two')] })
    const signals = open([deployment('a', { isPerNode: true })], seen)
    await signals.start()
    seen.views = { 'a@one': closed, 'a@two': gate({ running: 2, parked: 3 }) }
    await signals.refresh()
    expect(seen.asked).toEqual(['a@one', 'a@two'])
    expect(signals.of('a')).toMatchObject({ gate: { closed: null, running: 3, parked: 3 }, load: 6 })
    seen.views = { 'a@one': closed, 'a@two': closed }
    await signals.refresh()
    expect(signals.of('a').gate?.closed?.reason).toBe('breaker')
    signals.stop()
  })

  it('count what was just sent as load, until a look that must have seen it', async () => {
    const seen = world()
    const signals = open([deployment('a')], seen)
    await signals.start()
    signals.chose('a')
    signals.chose('a')
    expect(signals.of('a').load).toBe(2)
    await signals.refresh()
    signals.chose('a')
    expect(signals.of('a').load).toBe(3)
    await signals.refresh()
    expect(signals.of('a').load).toBe(1)
    signals.stop()
  })

  it('keep what was seen last while Redis is away, though not for ever', async () => {
    const seen = world({ views: { a: gate({ running: 4 }) } })
    const signals = open([deployment('a')], seen)
    await signals.start()
    seen.isAway = true
    await expect(signals.refresh()).rejects.toThrow('away')
    seen.nowMs = 10_000
    expect(signals.of('a').load).toBe(4)
    seen.nowMs = 10_001
    expect(signals.of('a')).toEqual(signals.of('nobody'))
    signals.stop()
    expect(signals.of('nobody')).toEqual({ gate: null, readyNodes: null, speed: null, load: 0 })
  })
})
