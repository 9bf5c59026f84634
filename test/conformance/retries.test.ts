import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { completion } from '../support/chat-upstream.ts'
import { chatWaiters, responseWaiters } from './clients.ts'
import { type Front, startFront } from './front.ts'

/**
 * Clients whose connection is lost while they wait, and who send the call again by themselves: it is paid for once,
 * whether they say that they try again (OpenAI's does) or not (Vercel's and LangChain's do not).
 */
let broker: TestBroker
let front: Front
beforeAll(async () => {
  broker = await startTestBroker({
    models: { local: [{ id: 'studio-a', pool: 'studio', concurrency: 8 }] },
    // Answers when it is told to.
    script: async (call, response) => {
      await release.get(call.prompt)?.promise
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion(`answer to ${call.prompt}`))
    },
  })
  front = await startFront(broker.url)
})
afterAll(async () => {
  await front[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
})

const release = new Map<string, PromiseWithResolvers<void>>()

type Waiters = Readonly<Record<string, (typeof chatWaiters)['openai']>>
const chats: Waiters = chatWaiters
const responses: Waiters = responseWaiters
const all = [
  ...Object.entries(chats).map(([client, read]) => ({ client, surface: 'a chat', read })),
  ...Object.entries(responses).map(([client, read]) => ({ client, surface: 'a response', read })),
]

describe.concurrent('a lost connection', () => {
  it.each(all)('of $client that waits for $surface costs one call of the model', async ({ client, surface, read }) => {
    const name = encodeURIComponent(`${client} ${surface}`)
    const goOn = Promise.withResolvers<void>()
    release.set(name, goOn)
    const reading = read({
      baseURL: front.baseUrlOf(name),
      apiKey: broker.keys.acme,
      model: 'local',
      prompt: name,
      maxRetries: 2,
    })
    await broker.upstream.callOf(({ prompt }) => prompt === name)
    front.cut(name)
    // It comes back, and only then there is an answer.
    await vi.waitFor(() => expect(front.waitingFor(name)).toBe(1), 15_000)
    goOn.resolve()
    expect(await reading).toMatchObject({ text: `answer to ${name}`, error: null })
    expect(broker.upstream.calls.filter(({ prompt }) => prompt === name)).toHaveLength(1)
    expect(front.callsOf(name).map(({ status }) => status)).toEqual([200])
  })
})
