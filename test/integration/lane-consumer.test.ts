import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import { eventually } from '../support/eventually.ts'
import { TestLanes } from '../support/lanes.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

let server: TestRedis

beforeAll(async () => {
  server = await startTestRedis()
})
afterAll(() => server.stop())

/** Longer than a queue may go unnoticed, which is until the next sweep. */
const healMs = 12_000

describe('the order of lanes', () => {
  it('is interactive before standard before batch, and public before restricted', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    await lanes.add('batch')
    const first = await worker.delivery(1)
    const expected: string[] = []
    for (const priority of ['batch', 'standard', 'interactive'] as const) {
      for (const sensitivity of ['restricted', 'public'] as const) {
        await lanes.add(priority, { sensitivity })
        await lanes.add(priority, { sensitivity })
        expected.unshift(lanes.name(priority, sensitivity), lanes.name(priority, sensitivity))
      }
    }
    first.done()
    for (let number = 2; number <= 13; number += 1) (await worker.delivery(number)).done()
    expect(worker.deliveries.slice(1).map(({ entry }) => entry.queue)).toEqual(expected)
  })

  it('lets an interactive entry overtake batch work that is still arriving', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    for (let count = 0; count < 5; count += 1) await lanes.add('batch')
    const first = await worker.delivery(1)
    const urgent = await lanes.add('interactive')
    first.done()
    expect((await worker.delivery(2)).entry.id).toBe(urgent)
  })
})

describe('the limit on concurrency', () => {
  it('holds while queues of every priority, delayed entries and sweeps ask for slots', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({
      concurrency: 3,
      onDelivery: (delivery) => setTimeout(delivery.done, 3 + (delivery.entry.waitedMs % 17)),
    })
    const adding: Promise<unknown>[] = []
    for (let count = 0; count < 40; count += 1) {
      for (const priority of ['interactive', 'standard', 'batch'] as const) {
        adding.push(lanes.add(priority, { delayMs: (count % 4) * 60 }))
      }
    }
    await Promise.all(adding)
    await eventually('the lanes are empty', async () => worker.deliveries.length >= 120 && (await lanes.left()) === 0)
    expect(worker.deliveries.length).toBe(120)
    expect(worker.peak).toBe(3)
  })

  it('lets one batch entry begin at a time while others come, where it yields', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 8, batchConcurrency: 3, yields: true })
    for (let count = 0; count < 9; count += 1) await lanes.add('batch')
    await worker.delivery(3)
    await lanes.add('interactive')
    const urgent = await worker.delivery(4)
    urgent.done()
    for (const batch of worker.deliveries.slice(0, 3)) batch.done()
    const next = await worker.delivery(5)
    await lanes.add('interactive')
    // It has come, so whatever else could begin has begun.
    const second = await worker.delivery(6)
    expect(second.entry.queue).toBe(lanes.name('interactive'))
    second.done()
    next.done()
    expect((await worker.delivery(7)).entry.queue).toBe(lanes.name('batch'))
  })

  it('counts slots that were taken for work without an entry, and goes on where one is given back', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    const slot = await eventually('the first sweep is over', () => worker.consumer.takeSlot('interactive'))
    expect(worker.consumer.takeSlot('interactive')).toBeNull()
    const waiting = await lanes.add('batch')
    await eventually('its queue is known to have work', () => worker.markersSet.length > 0)
    slot.release()
    // The entry has waited for it.
    expect(worker.consumer.takeSlot('interactive')).toBeNull()
    expect((await worker.delivery(1)).entry.id).toBe(waiting)
  })

  it('has work without an entry give up its slot when the consumer stops', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    const slot = await eventually('the first sweep is over', () => worker.consumer.takeSlot('interactive'))
    slot.abort.signal.addEventListener('abort', () => slot.release())
    await worker.stop(20)
    expect(slot.abort.signal.aborted).toBe(true)
    expect(worker.consumer.takeSlot('interactive')).toBeNull()
  })

  it('keeps the last slot free of batch work', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 2 })
    for (let count = 0; count < 3; count += 1) await lanes.add('batch')
    await worker.delivery(1)
    const urgent = await lanes.add('interactive')
    expect((await worker.delivery(2)).entry.id).toBe(urgent)
    expect(worker.deliveries.length).toBe(2)
  })

  it('leaves a slot that batch work gives up to others when it would be the last', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 2 })
    await lanes.add('batch')
    const batch = await worker.delivery(1)
    await lanes.add('interactive')
    const urgent = await worker.delivery(2)
    const next = await lanes.add('batch')
    batch.done()
    await eventually('the first is done with', async () => (await lanes.left()) === 2)
    const second = await lanes.add('interactive')
    expect((await worker.delivery(3)).entry.id).toBe(second)
    urgent.done()
    worker.deliveries[2]?.done()
    expect((await worker.delivery(4)).entry.id).toBe(next)
  })

  it('gives batch work a slot as soon as it is free, not when a wait for other work runs out', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({
      concurrency: 3,
      onDelivery: (delivery) => setTimeout(delivery.done, 10),
    })
    for (let count = 0; count < 40; count += 1) await lanes.add('batch')
    // A wait that ran out for every two of them would take 40 s.
    await eventually('all are done', () => worker.deliveries.length === 40, 10_000)
  })

  it('leaves the word to others where there is no slot', async () => {
    await using lanes = new TestLanes(server.url)
    await using full = await lanes.consume({ concurrency: 1 })
    await eventually('its first sweep is over', () => full.waits > 1)
    await lanes.add('batch')
    await full.delivery(1)
    await using other = await lanes.consume({ concurrency: 1 })
    await lanes.add('interactive')
    const first = await other.delivery(1)
    // Only the one that is full listens now: what it hears must be known to the other when that has a slot.
    const urgent = await lanes.add('interactive', { sensitivity: 'restricted' })
    const marker = `sluice:queue:${lanes.name('interactive', 'restricted')}:marker`
    await eventually('it gave the word back', () => full.markersSet.includes(marker))
    const askedMs = Date.now()
    first.done()
    const second = await other.delivery(2)
    expect(second.entry.id).toBe(urgent)
    // Sooner than a sweep would find it.
    expect(second.atMs - askedMs).toBeLessThan(2_000)
  })

  it('lets a single slot reach every lane', async () => {
    await using lanes = new TestLanes(server.url)
    const added = [await lanes.add('batch'), await lanes.add('standard', { sensitivity: 'restricted' })]
    await lanes.redis.del(lanes.key('batch', 'marker'))
    await using worker = await lanes.consume({ concurrency: 1, onDelivery: (delivery) => delivery.done() })
    await eventually('both came', () => worker.deliveries.length === 2, healMs)
    expect(worker.deliveries.map(({ entry }) => entry.id).sort()).toEqual(added.sort())
  })
})

describe('a delayed entry', () => {
  it('comes when it is due, also behind another one', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 4, onDelivery: (delivery) => delivery.done() })
    const delays = [900, 300, 1_400, 600]
    const startMs = Date.now()
    for (const delayMs of delays) await lanes.add('standard', { delayMs })
    await worker.delivery(4)
    const atMs = worker.deliveries.map((delivery) => delivery.atMs - startMs)
    for (const [index, delayMs] of delays.toSorted((a, b) => a - b).entries()) {
      expect(atMs[index]).toBeGreaterThanOrEqual(delayMs - 5)
      expect(atMs[index]).toBeLessThan(delayMs + 400)
    }
  })

  it('comes when it is due while other entries of its lane are being worked on', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 4 })
    await lanes.add('standard')
    await worker.delivery(1)
    const dueMs = Date.now() + 500
    await lanes.add('standard', { delayMs: 500 })
    expect((await worker.delivery(2)).atMs).toBeLessThan(dueMs + 400)
  })

  it('comes when it is due although the worker that knew of it has stopped', async () => {
    await using lanes = new TestLanes(server.url)
    await using other = await lanes.consume({ concurrency: 1 })
    await lanes.add('interactive')
    await other.delivery(1)
    await using knows = await lanes.consume({ concurrency: 1 })
    const dueMs = Date.now() + 700
    await lanes.add('standard', { delayMs: 700 })
    await eventually(
      'the marker is taken',
      async () => (await lanes.redis.exists(lanes.key('standard', 'marker'))) === 0,
    )
    await knows.stop()
    other.deliveries[0]?.done()
    expect((await other.delivery(2)).atMs).toBeLessThan(dueMs + 400)
  })
})

describe('a lost marker', () => {
  it('is made up for by the sweep', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    await lanes.add('interactive')
    const first = await worker.delivery(1)
    const id = await lanes.add('standard')
    await lanes.redis.del(lanes.key('standard', 'marker'))
    first.done()
    await eventually('it came', () => worker.deliveries.length === 2, healMs)
    expect(worker.deliveries[1]?.entry.id).toBe(id)
  })
})

describe('the lease of an entry', () => {
  it('is renewed for as long as the work takes', async () => {
    await using lanes = new TestLanes(server.url)
    await using one = await lanes.consume({ concurrency: 2, leaseMs: 900 })
    await using other = await lanes.consume({ concurrency: 2, leaseMs: 900 })
    await lanes.add('standard')
    const delivery = await Promise.race([one.delivery(1), other.delivery(1)])
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(delivery.signal.aborted).toBe(false)
    delivery.done()
    await eventually('it is done with', async () => (await lanes.left()) === 0)
    expect(one.deliveries.length + other.deliveries.length).toBe(1)
  })

  it('aborts the work when it is lost, and that work can no longer end the entry', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 2, leaseMs: 900 })
    const id = await lanes.add('standard')
    const first = await worker.delivery(1)
    await lanes.redis.del(lanes.key('standard', `${id}-1:lock`))
    await eventually('the first is told', () => first.signal.aborted)
    const second = await worker.delivery(2)
    expect(second.entry.id).toBe(id)
    first.done()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await lanes.left()).toBe(1)
    expect(second.signal.aborted).toBe(false)
    expect(worker.deliveries.length).toBe(2)
    second.done()
    await eventually('it is done with', async () => (await lanes.left()) === 0)
  })

  it('is left to run out when the work fails, and the entry comes again', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 2, leaseMs: 900 })
    const id = await lanes.add('batch')
    const first = await worker.delivery(1)
    first.fail()
    const second = await worker.delivery(2)
    expect(second.entry).toMatchObject({ id, hop: 1 })
    expect(second.atMs - first.atMs).toBeGreaterThan(600)
    second.done()
    await eventually('it is done with', async () => (await lanes.left()) === 0)
  })
})

describe('a worker that stops', () => {
  it('finishes what it has in hand and takes nothing more', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    await lanes.add('interactive')
    await lanes.add('interactive')
    const first = await worker.delivery(1)
    const stopped = worker.stop(10_000)
    setTimeout(first.done, 200)
    await stopped
    expect(first.signal.aborted).toBe(false)
    expect(worker.deliveries.length).toBe(1)
    expect(await lanes.left()).toBe(1)
  })

  it('hands back what does not end in time, and another has it long before the lease runs out', async () => {
    await using lanes = new TestLanes(server.url)
    await using worker = await lanes.consume({ concurrency: 4, leaseMs: 60_000 })
    await using other = await lanes.consume({ concurrency: 4, leaseMs: 60_000 })
    for (let count = 0; count < 4; count += 1) await lanes.add('standard')
    await eventually('all are taken', () => worker.deliveries.length + other.deliveries.length === 4)
    const handedBack = worker.deliveries.length
    for (const delivery of other.deliveries) delivery.done()
    await worker.stop(50)
    for (const delivery of worker.deliveries) expect(delivery.signal.aborted).toBe(true)
    await eventually('the other has them', () => other.deliveries.length === 4, 10_000)
    // Work that ends only now, in the worker that gave it back, ends nothing.
    for (const delivery of worker.deliveries) delivery.done()
    expect(await lanes.left()).toBe(handedBack)
  })

  it('gets away although Redis does not answer', async () => {
    await using own = await startTestRedis()
    await using lanes = new TestLanes(own.url)
    await using worker = await lanes.consume({ concurrency: 1 })
    await lanes.add('standard')
    await worker.delivery(1)
    await own.kill('SIGSTOP')
    await worker.stop(100)
    await own.kill('SIGCONT')
  })
})

describe('one hand-over', () => {
  it('is one delivery however often it is added', async () => {
    await using lanes = new TestLanes(server.url)
    const id = createJobId()
    await lanes.add('standard', { id })
    await lanes.add('standard', { id })
    await using worker = await lanes.consume({ concurrency: 4 })
    const first = await worker.delivery(1)
    await lanes.add('standard', { id })
    await lanes.add('standard', { id, hop: 2 })
    await worker.delivery(2)
    expect(worker.deliveries.map(({ entry }) => [entry.id, entry.hop])).toEqual([
      [id, 1],
      [id, 2],
    ])
    first.done()
  })
})

describe('a restart of Redis', () => {
  it('interrupts nothing but the time it takes', async () => {
    await using own = await startTestRedis()
    await using lanes = new TestLanes(own.url)
    const done = new Set<string>()
    await using worker = await lanes.consume({
      concurrency: 4,
      leaseMs: 1_500,
      onDelivery: (delivery) =>
        setTimeout(() => {
          done.add(delivery.entry.id)
          delivery.done()
        }, 100),
    })
    const added = await Promise.all(Array.from({ length: 40 }, () => lanes.add('standard')))
    await worker.delivery(10)
    await own.restart()
    added.push(await lanes.add('interactive'), await lanes.add('batch', { delayMs: 200 }))
    await eventually('all are done', async () => done.size === 42 && (await lanes.left()) === 0)
    expect([...done].sort()).toEqual(added.sort())
  })
})
