import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batchObject } from '../../src/http/batch-schemas.ts'
import { batchLine, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'

const concurrency = 20
/** One place is left to those who may not wait behind a batch. */
const places = concurrency - 1

/** Answers nothing but what it is told to let through. */
class Valve {
  readonly #waiting: (() => void)[] = []
  #open = 0

  get waiting(): number {
    return this.#waiting.length
  }

  pass(): Promise<void> {
    if (this.#open > 0) {
      this.#open -= 1
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  open(count: number): void {
    for (const resolve of this.#waiting.splice(0, count)) resolve()
  }

  stayOpen(): void {
    this.#open = Number.POSITIVE_INFINITY
    this.open(this.waiting)
  }
}

let broker: TestBroker
let client: OpenAI
let valve: Valve
beforeEach(async () => {
  valve = new Valve()
  broker = await startTestBroker({
    models: { local: [{ id: 'studio-a', pool: 'studio', concurrency }] },
    script: async (call, response) => {
      await valve.pass()
      return echo(call, response)
    },
  })
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterEach(() => broker[Symbol.asyncDispose]())

const show = async (id: string) => batchObject.parse(await (await broker.send(`/v1/batches/${id}`)).json())
const start = (count: number) =>
  startBatch(
    client,
    Array.from({ length: count }, (_, index) => batchLine(`line-${index}`, `echo: ${index}`)),
  )

describe('a batch that has not ended', () => {
  it('says how many of its lines run and wait, and where the next one stands, and nothing of a time unknown', async () => {
    const { id } = await start(120)
    const { sluice } = await eventually('all places are taken', async () => {
      const batch = await show(id)
      return valve.waiting === places && batch.sluice?.running === places && batch
    })
    expect(sluice).toMatchObject({ running: places, waiting: 120 - places, eta_seconds: null })
    expect(sluice?.position).toBeGreaterThanOrEqual(1)
    expect(sluice?.position).toBeLessThanOrEqual(120 - places)

    valve.open(places)
    const later = await eventually('an outcome counts', async () => {
      const batch = await show(id)
      return batch.request_counts.completed === places && batch.sluice?.running === places && batch
    })
    expect(later.sluice).toMatchObject({ waiting: 120 - 2 * places, eta_seconds: expect.any(Number) })
    const list = await (await broker.send('/v1/batches')).json()
    expect(list).toMatchObject({
      data: [{ id, sluice: { running: null, waiting: null, position: null, eta_seconds: expect.any(Number) } }],
    })

    valve.stayOpen()
    await untilEnded(client, id)
    expect((await show(id)).sluice).toBeNull()
  })

  it('says when it will have ended, and is right about it where the upstream is steady', async () => {
    const { id } = await start(500)
    const samples: { atMs: number; etaSeconds: number }[] = []
    const startedMs = performance.now()
    let running = true
    const ticking = (async () => {
      // As many as run at once: faster than this no upstream would be.
      for (; running; await sleep(250)) valve.open(concurrency)
    })()
    const status = await eventually(
      'it has ended',
      async () => {
        const batch = await show(id)
        const etaSeconds = batch.sluice?.eta_seconds
        if (typeof etaSeconds === 'number') samples.push({ atMs: performance.now(), etaSeconds })
        return batch.status === 'completed' && batch.status
      },
      60_000,
    )
    const endedMs = performance.now()
    running = false
    await ticking
    expect(status).toBe('completed')
    // The first and the last moments are all rounding.
    const middle = samples.filter(({ atMs }) => {
      const share = (atMs - startedMs) / (endedMs - startedMs)
      return share > 0.3 && share < 0.8
    })
    expect(middle.length).toBeGreaterThan(5)
    for (const { atMs, etaSeconds } of middle) {
      const leftSeconds = (endedMs - atMs) / 1000
      expect(etaSeconds / leftSeconds).toBeGreaterThan(0.4)
      expect(etaSeconds / leftSeconds).toBeLessThan(2.5)
    }
    const first = middle[0]?.etaSeconds ?? 0
    const last = middle.at(-1)?.etaSeconds ?? 0
    expect(last).toBeLessThan(first)
  }, 90_000)
})
