import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import type { JobEvent, JobEventType } from '../../src/core/job-event.ts'
import type { JobStore } from '../../src/core/ports.ts'
import { EventHub, Follower } from '../../src/delivery/event-hub.ts'

/** The moments between a push and a read that no test with a real Redis can hit at will. */
const id = createJobId()
const event = (sequence: number, type: JobEventType = 'output.delta'): JobEvent => ({ sequence, type, data: '{}' })
const last = event(4, 'job.completed')

function follow(wants: 'all' | 'terminal', read: (after: number) => Promise<readonly JobEvent[]>): Follower {
  const readPage = async (after: number) => ({ events: await read(after), hasMore: false })
  return new Follower(id, { wants, read: readPage, onClose: () => undefined })
}

describe('a reader that is behind', () => {
  it.each([
    ['fits to what was read', event(3), [2, 3, 4]],
    ['leaves a gap to it', last, [2, 3, 4]],
  ])('gets an event that is pushed between the read and its answer and %s', async (_name, pushed, expected) => {
    const stored = [event(2), event(3), last]
    let reads = 0
    const follower = follow('all', async (after) => {
      reads += 1
      if (reads > 1) return stored.filter(({ sequence }) => sequence > after)
      follower.push([pushed], null)
      return stored.slice(0, 1)
    })
    follower.catchUp()
    const seen = [await follower.next(1_000), await follower.next(1_000)]
    follower.push([last], null)
    seen.push(await follower.next(1_000))
    expect(seen.map((each) => each?.sequence)).toEqual(expected)
  })

  it('that waits for the end only gets it though it was pushed between the read and its answer', async () => {
    const follower = follow('terminal', async () => {
      follower.push([last], 'the result')
      return [event(2), event(3)]
    })
    follower.catchUp()
    expect(await follower.next(1_000)).toEqual(last)
    expect(follower.pushedResult).toBe('the result')
  })

  it('gets each event once, however often it comes', async () => {
    const follower = follow('all', async () => [event(2), event(3), last])
    follower.push([event(2)], null)
    follower.catchUp()
    follower.push([event(2), event(3)], null)
    const seen = [await follower.next(1_000), await follower.next(1_000), await follower.next(1_000)]
    expect(seen.map((each) => each?.sequence)).toEqual([2, 3, 4])
    expect(await follower.next(0)).toBeNull()
  })
})

describe('after an outage', () => {
  it('the store is read only when Redis has confirmed the subscription', async () => {
    const order: string[] = []
    const subscriber = new (class extends EventEmitter {
      async subscribe(): Promise<void> {
        order.push('subscribe')
        await new Promise((resolve) => setImmediate(resolve))
        order.push('confirmed')
      }
    })()
    const store = {
      watch: async () => {
        order.push('read')
        return { status: 'completed', events: [event(2), event(3), last] }
      },
    }
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const hub = new EventHub({
      subscriber: subscriber as unknown as Redis,
      store: store as unknown as JobStore,
      log,
    })
    await hub.start()
    const follower = hub.expect(id, 'terminal')
    const end = follower.next(5_000)
    order.length = 0
    subscriber.emit('ready')
    expect(await end).toEqual(last)
    expect(order).toEqual(['subscribe', 'confirmed', 'read'])
    follower.close()
    expect(hub.followed).toBe(0)
  })
})
