import { describe, expect, it } from 'vitest'
import { runThreeModels } from '../support/three-models.ts'

/** Two seconds for loading a model, and what a call takes then, twenty times as fast. */
const scale = 1 / 20
const node = { jobs: 48, loadMs: 2_000 * scale, callMs: 200 * scale }

describe('a node whose jobs alternate between three models', () => {
  it('does at least three times as much as first come, first served', async () => {
    const maxWaitMs = 30_000 * scale
    const inOrder = await runThreeModels({ ...node, lookAhead: 0, maxWaitMs: 1 })
    const chosen = await runThreeModels({ ...node, lookAhead: 24, maxWaitMs })
    const factor = inOrder.workMs / chosen.workMs
    console.log(
      `first come, first served: ${inOrder.loads} loads, ${inOrder.tookMs} ms; loaded models first: ${chosen.loads} loads, ` +
        `${chosen.tookMs} ms; ${factor.toFixed(1)} times as much by the loads, ${(inOrder.tookMs / chosen.tookMs).toFixed(1)} by the clock`,
    )
    // Until it knows how long a call takes, a node lets each model overtake once.
    expect(inOrder.loads).toBeGreaterThan(0.9 * node.jobs)
    expect(factor).toBeGreaterThan(3)
    expect(chosen.longestKeptMs).toBeLessThanOrEqual(maxWaitMs)
  }, 60_000)

  it('keeps no job longer than the bound, although it then loads more often', async () => {
    const maxWaitMs = 100
    const bounded = await runThreeModels({ ...node, lookAhead: 24, maxWaitMs })
    console.log(`with a bound of ${maxWaitMs} ms: ${bounded.loads} loads, kept for at most ${bounded.longestKeptMs} ms`)
    expect(bounded.longestKeptMs).toBeLessThanOrEqual(maxWaitMs)
    expect(bounded.loads).toBeLessThan(node.jobs)
  }, 60_000)
})
