import OpenAI from 'openai'
import { describe, expect, it, vi } from 'vitest'
import { type ChatScript, chunkRecord, completion } from '../support/chat-upstream.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { Gate } from '../support/workload.ts'

/** The API is killed while the official client waits for its answer. */
const messages = [{ role: 'user' as const, content: 'who survives?' }]
const options = { leaseDuration: '60s', concurrency: 10 } as const

function clientOf(cluster: Cluster, maxRetries: number): OpenAI {
  const apiKey = cluster.headers.authorization?.replace('Bearer ', '') ?? ''
  return new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey, maxRetries })
}

/** Says half of it, and the rest when the gate is open. */
function talk(gate: Gate): ChatScript {
  return async ({ stream }, response) => {
    if (stream) response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunkRecord({ content: 'half' }))
    await gate.opened
    if (!stream) response.writeHead(200, { 'content-type': 'application/json' }).end(completion('the job'))
  }
}

describe('an API that dies', () => {
  it('loses its callers’ connections and not their jobs: who tries again gets the job that runs', async () => {
    const gate = new Gate()
    await using cluster = await startCluster({ ...options, script: talk(gate) })
    const asked = clientOf(cluster, 12).chat.completions.create({ model: 'fleet', messages })
    await cluster.upstream.callOf(() => true)
    await cluster.process('api').replace()
    await vi.waitFor(async () => expect(await cluster.redis.keys('sluice:kept:*')).toHaveLength(1), 60_000)
    gate.open()
    expect((await asked).choices[0]?.message.content).toBe('the job')
    expect(cluster.upstream.calls).toHaveLength(1)
  }, 90_000)

  it('breaks its streams, which no client takes for their end', async () => {
    const gate = new Gate()
    await using cluster = await startCluster({ ...options, script: talk(gate) })
    const stream = await clientOf(cluster, 0).chat.completions.create({ model: 'fleet', messages, stream: true })
    const texts: string[] = []
    const read = async () => {
      for await (const chunk of stream) {
        texts.push(chunk.choices[0]?.delta.content ?? '')
        if (texts.length === 1) await cluster.process('api').end('SIGKILL')
      }
    }
    await expect(read()).rejects.toThrow()
    expect(texts.join('')).toBe('half')
  }, 90_000)
})
