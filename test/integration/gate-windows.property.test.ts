import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import { GateBench, gateOf } from '../support/gates.ts'

/** What happens next: so much time passes, and so many calls of so many tokens are tried; or some are parked and woken. */
const step = fc.record({
  passMs: fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(70_000)),
  /** Instead: until the moment at which the gate says that it opens, or one before it. */
  waits: fc.constantFrom('no', 'until it opens', 'nearly'),
  calls: fc.nat(12),
  tokens: fc.nat(400),
  isParked: fc.boolean(),
  /** What a call used of what was estimated. */
  share: fc.double({ min: 0, max: 1, noNaN: true }),
})

const minuteMs = 60_000
const marginMs = 1_000
const limits = { requestsPerMinute: 10, tokensPerMinute: 1_000 }
const gate = gateOf(limits)

interface Call {
  readonly atMs: number
  readonly tokens: number
}

it('lets no more in than the limits say in any minute as the upstream sees it, however calls come', async () => {
  await using bench = await GateBench.start()
  let rounds = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await bench.redis.flushall()
      rounds += 1
      const calls: Call[] = []
      const claim = async (id: JobId, hop: number, tokens: number, share: number) => {
        const start = await bench.claim(id, gate, { hop, tokens })
        if (start.kind !== 'go') return
        const used = Math.floor(tokens * share)
        calls.push({ atMs: bench.nowMs, tokens: used })
        await bench.report(id, gate, 'success', { tokens: used })
      }
      for (const { passMs, waits, calls: count, tokens, isParked, share } of steps) {
        const [view] = waits === 'no' ? [] : await bench.gates.peek([gate], bench.nowMs)
        const opensAtMs = view?.closed?.opensAtMs ?? bench.nowMs + passMs
        bench.nowMs = Math.max(bench.nowMs, waits === 'nearly' ? opensAtMs - 1 : opensAtMs)
        for (let call = 0; call < count; call += 1) {
          const id = await bench.addJob({ plan: { promptTokens: tokens } })
          if (isParked) await bench.park(id, 1)
          else await claim(id, 1, tokens, share)
        }
        const { woken } = await bench.gates.wake(gate, 100, bench.nowMs)
        bench.nowMs += passMs % 700
        for (const { id, hop } of woken) await claim(id, hop, 0, share)
      }
      for (const { atMs } of calls) {
        // Whatever came up to a second later than it was let in may meet in one minute at the upstream.
        const together = calls.filter((call) => call.atMs >= atMs && call.atMs < atMs + minuteMs + marginMs)
        expect(together.length).toBeLessThanOrEqual(limits.requestsPerMinute)
        expect(together.reduce((sum, call) => sum + call.tokens, 0)).toBeLessThanOrEqual(limits.tokensPerMinute)
      }
      expect(await bench.redis.exists('sluice:gate:reserved:gpt')).toBe(0)
    }),
    { numRuns: 60 },
  )
  expect(rounds).toBeGreaterThanOrEqual(60)
}, 120_000)

it('uses what the limits allow: under a backlog nearly every call of every minute', async () => {
  await using bench = await GateBench.start()
  const started = bench.nowMs
  let calls = 0
  for (let parked = 0; parked < 45; parked += 1) await bench.park(await bench.addJob(), 1)
  while (bench.nowMs < started + 4 * minuteMs) {
    const { woken, againAtMs } = await bench.gates.wake(gateOf({ requestsPerMinute: 10 }), 100, bench.nowMs)
    for (const { id, hop } of woken) {
      const start = await bench.claim(id, gateOf({ requestsPerMinute: 10 }), { hop })
      expect(start.kind).toBe('go')
      calls += 1
    }
    bench.nowMs = againAtMs ?? bench.nowMs + minuteMs
  }
  const minutes = (bench.nowMs - started) / minuteMs
  expect(calls / minutes).toBeGreaterThanOrEqual(0.97 * 10)
})
