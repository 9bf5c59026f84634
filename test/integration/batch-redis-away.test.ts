import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { batchLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo } from '../support/chat-upstream.ts'
import { startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { eventually } from '../support/eventually.ts'
import { redisSource } from '../support/redis-source.ts'

const lineCount = 500
/** Longer than a lease in these tests. */
const awayMs = 2_000

const absences = [
  {
    away: 'is killed',
    leave: (each: TestBroker) => each.server.kill(),
    back: (each: TestBroker) => each.server.restart(),
  },
  {
    away: 'hangs with its connections open',
    leave: (each: TestBroker) => each.server.kill('SIGSTOP'),
    back: (each: TestBroker) => each.server.kill('SIGCONT'),
  },
]

describe.each(absences)('a batch during which Redis $away', ({ away, leave, back }) => {
  // Killed, the WebAssembly build loses all since its last snapshot; that it says so is its own tests' business.
  const it = test.skipIf(away === 'is killed' && redisSource() === 'wasm')

  it('ends with one outcome for each line and one event, when Redis is back', async () => {
    await using broker = await startTestBroker({
      script: async (call, response) => {
        await sleep(20)
        return echo(call, response)
      },
    })
    // Otherwise Redis puts off writing while a sync is under way, and a kill takes what it has acknowledged since.
    await broker.redis.config('SET', 'appendfsync', 'always')
    await using receiver = await startEndpointReceiver()
    await broker.send('/v1/webhooks/endpoints', { json: { url: receiver.url, events: ['batch.*'] } })
    const client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 5 })
    const names = Array.from({ length: lineCount }, (_, index) => `line-${index}`)
    const { id } = await startBatch(
      client,
      names.map((name) => batchLine(name, `echo: ${name}`)),
    )
    for (const share of [0.1, 0.5]) {
      await eventually('some outcomes count', async () => {
        const { request_counts: counts } = await client.batches.retrieve(id)
        return (counts?.completed ?? 0) > share * lineCount
      })
      await leave(broker)
      await sleep(awayMs)
      await back(broker)
    }
    const batch = await untilEnded(client, id, 60_000)
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: lineCount, completed: lineCount, failed: 0 },
      usage: { input_tokens: 7 * lineCount },
      error_file_id: null,
    })
    const outcomes = await readOutcomes(client, batch.output_file_id)
    expect(outcomes.map(({ custom_id: name }) => name).sort()).toEqual(names.sort())
    await eventually('the webhook comes', () => receiver.received.length > 0)
    expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(1)
  }, 120_000)
})
