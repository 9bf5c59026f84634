import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QueueEntry } from '../../src/core/ports.ts'
import type { Logger } from '../../src/core/telemetry.ts'
import { priorityOf } from '../../src/queue/lane-names.ts'
import { type Turn, Turns } from '../../src/queue/turns.ts'
import { WorkSharing } from '../../src/queue/work-sharing.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { eventually } from '../support/eventually.ts'
import { type Delivery, type TestConsumer, TestLanes } from '../support/lanes.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'
import { Seeded } from '../support/seeded.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
let server: TestRedis

beforeAll(async () => {
  server = await startTestRedis()
})
afterAll(() => server.stop())

interface TestNode extends AsyncDisposable {
  readonly worker: TestConsumer
  readonly turns: Turns
  /** Ends a delivery and its turn. */
  end(delivery: Delivery | undefined): void
}

/** A worker with as many slots that holds entries ahead, as a dispatcher does. */
async function startNode(
  lanes: TestLanes,
  options: { slots: number; lookAhead: number; servesAtOnce?: boolean; afterMs?: () => number; name?: string },
): Promise<TestNode> {
  const { slots, lookAhead, name } = options
  const place = { model: 'A', server: null, limit: () => slots, isReady: () => true }
  const turns = new Turns({ slots: () => slots, maxWaitMs: 30_000, places: new Map([['any', place]]), now: Date.now })
  const open = new Map<QueueEntry, Turn>()
  const end = (delivery: Delivery | undefined) => {
    if (!delivery) return
    delivery.done()
    open.get(delivery.entry)?.end()
  }
  const worker = await lanes.consume({
    concurrency: slots,
    lookAhead,
    beforeWork: async (entry, signal) => {
      const turn = await turns.take({ deployment: entry.deployment, priority: priorityOf(entry.queue) }, signal)
      if (turn) open.set(entry, turn)
      return turn !== null
    },
    onDelivery: (delivery) => {
      if (options.servesAtOnce) end(delivery)
      if (options.afterMs) setTimeout(() => end(delivery), options.afterMs())
    },
  })
  const redis = connectRedis(server.url, 'worker')
  const subscriber = connectRedis(server.url, 'subscriber')
  const sharing = name
    ? new WorkSharing({
        redis,
        subscriber,
        pool: lanes.pool,
        node: name,
        consumer: worker.consumer,
        turns,
        log: silent,
      })
    : null
  await sharing?.start()
  return {
    worker,
    turns,
    end,
    async [Symbol.asyncDispose]() {
      sharing?.stop()
      for (const delivery of worker.deliveries) end(delivery)
      await worker.stop()
      subscriber.disconnect()
      redis.disconnect()
    },
  }
}

async function addMany(
  lanes: TestLanes,
  count: number,
  priority: 'standard' | 'batch' = 'standard',
): Promise<string[]> {
  const ids: string[] = []
  for (let number = 0; number < count; number += 1) ids.push(await lanes.add(priority))
  return ids
}

describe('a worker that looks ahead', () => {
  it('holds so many entries beyond its slots, and starts no more than it has slots', async () => {
    await using lanes = new TestLanes(server.url)
    await using node = await startNode(lanes, { slots: 2, lookAhead: 8 })
    await addMany(lanes, 20)
    // A quarter of the places ahead is kept for what is more urgent.
    await eventually('its hand is full', () => node.worker.consumer.waiting === 6)
    expect(node.worker.consumer.inFlight).toBe(2)
    expect(node.worker.deliveries).toHaveLength(2)
    node.end(node.worker.deliveries[0])
    await node.worker.delivery(3)
    await eventually('it is full again', () => node.worker.consumer.waiting === 6)
  })

  it('always has a place for an interactive entry, however much batch work there is', async () => {
    await using lanes = new TestLanes(server.url)
    await using node = await startNode(lanes, { slots: 1, lookAhead: 8 })
    await addMany(lanes, 20, 'batch')
    await eventually('it holds batch work', () => node.worker.consumer.waiting === 4)
    const urgent = await lanes.add('interactive')
    await eventually('it holds the urgent one as well', () => node.worker.consumer.waiting === 5)
    node.end(node.worker.deliveries[0])
    expect((await node.worker.delivery(2)).entry.id).toBe(urgent)
  })

  it('hands back what it holds when it pauses, and takes it again when it goes on', async () => {
    await using lanes = new TestLanes(server.url)
    await using node = await startNode(lanes, { slots: 1, lookAhead: 8 })
    const ids = await addMany(lanes, 5)
    await eventually('it holds the others', () => node.worker.consumer.waiting === 4)
    await node.worker.consumer.pause()
    expect(node.worker.consumer.waiting).toBe(0)
    expect(await lanes.redis.llen(lanes.key('standard', 'wait'))).toBe(4)
    node.end(node.worker.deliveries[0])
    await eventually('it has finished', () => node.worker.consumer.inFlight === 0)
    expect(node.worker.deliveries).toHaveLength(1)
    node.worker.consumer.resume()
    for (let number = 2; number <= 5; number += 1) node.end(await node.worker.delivery(number))
    expect(node.worker.deliveries.map(({ entry }) => entry.id)).toEqual(ids)
  })

  it('hands back at once what has not begun when it stops, while what has begun goes on', async () => {
    await using lanes = new TestLanes(server.url)
    await using node = await startNode(lanes, { slots: 1, lookAhead: 8 })
    await addMany(lanes, 5)
    await eventually('it holds the others', () => node.worker.consumer.waiting === 4)
    await using other = await startNode(lanes, { slots: 4, lookAhead: 0, servesAtOnce: true })
    const stopped = node.worker.stop(10_000)
    await other.worker.delivery(4)
    expect(node.worker.deliveries[0]?.signal.aborted).toBe(false)
    node.end(node.worker.deliveries[0])
    await stopped
    expect(await lanes.left()).toBe(0)
  })
})

describe('the nodes of a pool', () => {
  it('let an entry that one can’t start come to one that can', async () => {
    await using lanes = new TestLanes(server.url)
    await using busy = await startNode(lanes, { slots: 1, lookAhead: 20, name: 'busy' })
    await lanes.add('standard')
    await busy.worker.delivery(1)
    await using idle = await startNode(lanes, { slots: 10, lookAhead: 0, name: 'idle' })
    await addMany(lanes, 10)
    await idle.worker.delivery(10)
    expect(busy.worker.deliveries).toHaveLength(1)
  })

  it('do everything once, whatever comes when and whoever pauses', async () => {
    await using lanes = new TestLanes(server.url)
    const random = new Seeded('share work')
    const nodes: TestNode[] = []
    await using cleanup = new AsyncDisposableStack()
    for (const [name, slots, lookAhead] of [
      ['one', 1, 4],
      ['two', 2, 9],
      ['three', 3, 40],
    ] as const) {
      const afterMs = () => random.between(1, 25)
      nodes.push(cleanup.use(await startNode(lanes, { slots, lookAhead, name, afterMs })))
    }
    const added: Promise<string>[] = []
    for (let number = 0; number < 300; number += 1) {
      const delay = random.next() < 0.2 ? { delayMs: random.between(1, 400) } : {}
      added.push(lanes.add(random.pick(['interactive', 'standard', 'batch']), delay))
      if (number % 30 === 0) await nodes[random.between(0, 2)]?.worker.consumer.pause()
      if (number % 10 === 0) await sleep(random.between(1, 60))
      for (const { worker } of nodes) if (random.next() < 0.1) worker.consumer.resume()
    }
    const ids = await Promise.all(added)
    for (const { worker } of nodes) worker.consumer.resume()
    await eventually('all are done', async () => (await lanes.left()) === 0, 15_000)
    const served = nodes.flatMap(({ worker }) => worker.deliveries.map(({ entry }) => entry.id))
    expect(served.sort()).toEqual(ids.sort())
    for (const [index, { worker }] of nodes.entries()) expect(worker.peak).toBeLessThanOrEqual(index + 1)
  }, 60_000)

  it('give a node that has nothing to do of what they hold', async () => {
    await using lanes = new TestLanes(server.url)
    await using busy = await startNode(lanes, { slots: 1, lookAhead: 40, name: 'busy' })
    await addMany(lanes, 21)
    await eventually('one node holds everything', () => busy.worker.consumer.waiting === 20)
    await using idle = await startNode(lanes, { slots: 1, lookAhead: 40, name: 'idle', servesAtOnce: true })
    await idle.worker.delivery(19)
    expect(busy.worker.deliveries).toHaveLength(1)
  })
})
