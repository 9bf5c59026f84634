import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Priority } from '../../src/core/vocabulary.ts'
import { type Place, type Turn, Turns } from '../../src/queue/turns.ts'
import { type SimulatedEntry, simulateNode } from '../support/simulated-node.ts'

const never = new AbortController().signal

function placeOf(model: string, limit = 1, server: string | null = 'ollama'): Place {
  return { model, server, limit: () => limit, isReady: () => true }
}

function turnsOf(places: Readonly<Record<string, Place>>, options: { slots?: number; maxWaitMs?: number } = {}) {
  const { slots = 4, maxWaitMs = 30_000 } = options
  return new Turns({ slots: () => slots, maxWaitMs, places: new Map(Object.entries(places)), now: () => 0 })
}

/** Asks for turns and keeps the order in which they came. */
class Asking {
  readonly order: string[] = []
  readonly held = new Map<string, Turn>()
  readonly #turns: Turns

  constructor(turns: Turns) {
    this.#turns = turns
  }

  async ask(deployment: string, priority: Priority = 'standard', signal = never): Promise<void> {
    const name = `${deployment}${[...this.order, ...this.held.keys()].length}`
    void this.#turns.take({ deployment, priority }, signal).then((turn) => {
      if (!turn) return
      this.order.push(deployment)
      this.held.set(name, turn)
    })
    await settled()
  }

  async endAll(): Promise<void> {
    const ending = [...this.held.values()]
    this.held.clear()
    for (const turn of ending) turn.end()
    await settled()
  }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('whose turn it is', () => {
  it('is that of an entry whose model is loaded before one that came earlier', async () => {
    const asking = new Asking(turnsOf({ a: placeOf('A'), b: placeOf('B') }))
    for (const deployment of ['a', 'b', 'a', 'b', 'a']) await asking.ask(deployment)
    for (let count = 0; count < 5; count += 1) await asking.endAll()
    expect(asking.order).toEqual(['a', 'a', 'a', 'b', 'b'])
  })

  it('is that of a higher priority, whatever is loaded', async () => {
    const asking = new Asking(turnsOf({ a: placeOf('A'), b: placeOf('B') }))
    await asking.ask('a')
    await asking.ask('a', 'batch')
    await asking.ask('a', 'standard')
    await asking.ask('b', 'interactive')
    for (let count = 0; count < 4; count += 1) await asking.endAll()
    expect(asking.order).toEqual(['a', 'b', 'a', 'a'])
  })

  it('is nobody’s while a model has to be loaded and its server works on another one', async () => {
    const asking = new Asking(turnsOf({ a: placeOf('A', 2), b: placeOf('B') }))
    await asking.ask('a')
    await asking.ask('b', 'interactive')
    await asking.ask('a', 'standard')
    expect(asking.order).toEqual(['a'])
    await asking.endAll()
    expect(asking.order).toEqual(['a', 'b'])
  })

  it('is everybody’s whose models the server says that it has loaded', async () => {
    const turns = turnsOf({ a: placeOf('A'), b: placeOf('B') })
    turns.setLoaded('ollama', ['A', 'B'], turns.loadsOf('ollama'))
    const asking = new Asking(turns)
    await asking.ask('a')
    await asking.ask('b')
    expect(asking.order).toEqual(['a', 'b'])
  })

  it('does not go by what a server said before or while it loaded another model', async () => {
    const turns = turnsOf({ a: placeOf('A'), b: placeOf('B') })
    const before = turns.loadsOf('ollama')
    const asking = new Asking(turns)
    await asking.ask('a')
    await asking.ask('b')
    turns.setLoaded('ollama', ['B'], before)
    turns.setLoaded('ollama', ['B'], turns.loadsOf('ollama'))
    await settled()
    expect(asking.order).toEqual(['a'])
    await asking.endAll()
    expect(asking.order).toEqual(['a', 'b'])
  })

  it('does not depend on what other servers do', async () => {
    const asking = new Asking(turnsOf({ a: placeOf('A'), b: placeOf('B', 1, 'other'), c: placeOf('C', 1, null) }))
    for (const deployment of ['a', 'b', 'c']) await asking.ask(deployment)
    expect(asking.order).toEqual(['a', 'b', 'c'])
  })

  it('keeps to the limit of each deployment, and to the slots of the node', async () => {
    const asking = new Asking(turnsOf({ a: placeOf('A', 2), c: placeOf('C', 9, null) }, { slots: 4 }))
    for (let count = 0; count < 4; count += 1) await asking.ask('a', 'interactive')
    for (let count = 0; count < 4; count += 1) await asking.ask('c', 'interactive')
    expect(asking.order).toEqual(['a', 'a', 'c', 'c'])
  })

  it('is never that of batch work for the last of several slots', async () => {
    const asking = new Asking(turnsOf({ c: placeOf('C', 9, null) }, { slots: 2 }))
    await asking.ask('c', 'batch')
    await asking.ask('c', 'batch')
    expect(asking.order).toHaveLength(1)
    await asking.ask('c', 'interactive')
    expect(asking.order).toHaveLength(2)
  })

  it('passes from an entry that was handed back to the next', async () => {
    const turns = turnsOf({ a: placeOf('A') })
    const asking = new Asking(turns)
    const gone = new AbortController()
    await asking.ask('a')
    await asking.ask('a', 'standard', gone.signal)
    await asking.ask('a')
    gone.abort()
    await settled()
    expect(turns.waiting).toBe(1)
    await asking.endAll()
    expect(asking.order).toHaveLength(2)
  })

  it('comes at once, and takes no slot, where the node makes no calls for a deployment', async () => {
    let isReady = true
    const turns = turnsOf({ a: { ...placeOf('A'), isReady: () => isReady }, b: placeOf('B') }, { slots: 1 })
    const asking = new Asking(turns)
    await asking.ask('b')
    await asking.ask('a')
    await asking.ask('a')
    expect(asking.order).toEqual(['b'])
    isReady = false
    turns.recheck()
    await settled()
    expect(asking.order).toEqual(['b', 'a', 'a'])
    expect(turns.running).toBe(1)
  })

  it('waits for a server that something else has, which gets it only while it does nothing', async () => {
    const turns = turnsOf({ a: placeOf('A') })
    const release = turns.hold('ollama')
    expect(release).not.toBeNull()
    expect(turns.hold('ollama')).toBeNull()
    const asking = new Asking(turns)
    await asking.ask('a')
    expect(asking.order).toEqual([])
    release?.()
    await settled()
    expect(asking.order).toEqual(['a'])
    expect(turns.hold('ollama')).toBeNull()
  })
})

describe('a node with three models that alternate and room for one', () => {
  const entries = (count: number): SimulatedEntry[] =>
    Array.from({ length: count }, (_, index) => ({
      deployment: ['a', 'b', 'c'][index % 3] ?? 'a',
      priority: 'standard',
      atMs: 0,
    }))

  it('does at least three times as much as first come, first served, and keeps nobody longer than it may', async () => {
    const load = { loadMs: 2_000, callMs: 200 }
    const chosen = await simulateNode({ ...load, entries: entries(300), hand: 25, maxWaitMs: 30_000 })
    const inOrder = await simulateNode({ ...load, entries: entries(300), hand: 1, maxWaitMs: 30_000 })
    expect(inOrder.loads).toBe(300)
    expect(inOrder.tookMs / chosen.tookMs).toBeGreaterThan(3)
    expect(chosen.longestKeptMs).toBeLessThanOrEqual(30_000)
  })

  it('lets a model that is asked for without end keep the others no longer than they may be kept', async () => {
    const flood = Array.from({ length: 400 }, (_, index) => ({
      deployment: 'a',
      priority: 'standard' as const,
      atMs: index * 500,
    }))
    const others = ['b', 'c'].map((deployment) => ({ deployment, priority: 'standard' as const, atMs: 1_700 }))
    const run = await simulateNode({
      loadMs: 2_000,
      callMs: 600,
      entries: [...flood, ...others],
      hand: 25,
      maxWaitMs: 10_000,
    })
    expect(run.longestKeptMs).toBeGreaterThan(8_000)
    expect(run.longestKeptMs).toBeLessThanOrEqual(10_000)
  })

  it('keeps nobody longer than it may, whatever comes when', async () => {
    const entry = fc.record({
      deployment: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
      priority: fc.constantFrom<Priority>('interactive', 'standard', 'standard', 'batch'),
      atMs: fc.nat(20_000),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 60 }),
        fc.record({ loadMs: fc.integer({ min: 0, max: 3_000 }), callMs: fc.integer({ min: 50, max: 900 }) }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 30 }),
        async (come, costs, limit, hand) => {
          const run = await simulateNode({ ...costs, entries: come, hand, limit, maxWaitMs: 4_000 })
          expect(run.served).toBe(come.length)
          expect(run.longestKeptMs).toBeLessThanOrEqual(4_000)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a turn that must not wait', () => {
  it('is there while there is room, counts as any other, and leaves nothing behind where there is none', async () => {
    const turns = turnsOf({ a: placeOf('A', 1, null) }, { slots: 2 })
    const asked = { deployment: 'a', priority: 'interactive' } as const
    const first = turns.takeNow(asked)
    expect(first).not.toBeNull()
    expect(turns.takeNow(asked)).toBeNull()
    expect([turns.running, turns.waiting]).toEqual([1, 0])
    first?.end()
    expect(turns.takeNow(asked)).not.toBeNull()
  })

  it('does not go before an entry of its kind that waits, nor to a model that another one would be unloaded for', async () => {
    const turns = turnsOf({ a: placeOf('A'), b: placeOf('B') })
    const running = turns.takeNow({ deployment: 'a', priority: 'interactive' })
    expect(turns.takeNow({ deployment: 'b', priority: 'interactive' })).toBeNull()
    const asking = new Asking(turns)
    await asking.ask('b', 'interactive')
    running?.end()
    await settled()
    expect(asking.order).toEqual(['b'])
  })

  it('is not there for a deployment that the node makes no calls for', () => {
    const turns = turnsOf({ a: { ...placeOf('A'), isReady: () => false } })
    expect(turns.takeNow({ deployment: 'a', priority: 'interactive' })).toBeNull()
  })
})
