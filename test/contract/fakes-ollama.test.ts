import { Ollama } from 'ollama'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOllamaProvider } from '../../src/providers/ollama.ts'
import { fakeOllama, ollamaVectors } from './fake-ollama.ts'
import { callOf, failureOf, patient, readStream } from './provider-harness.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'

let fake: ScriptedUpstream
let client: Ollama
beforeAll(async () => {
  fake = await startUpstream(fakeOllama)
  client = new Ollama({ host: fake.url })
})
afterAll(async () => {
  await fake[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'Hello' }]
const answer = 'Grüße aus 東京 👩‍🚀: "ok"\ndone.'
const start = (model: string) =>
  createOllamaProvider({ baseUrl: fake.url, model, timeouts: patient, connections: 1, refuseRemote: false })

async function streamed(model: string) {
  const parts = await Array.fromAsync(await client.chat({ model, messages, stream: true }))
  return {
    text: parts.map(({ message }) => message.content).join(''),
    thinking: parts.map(({ message }) => message.thinking ?? '').join(''),
    calls: parts.flatMap(({ message }) => message.tool_calls ?? []),
    last: parts.at(-1),
  }
}

describe('Ollama’s client', () => {
  it('reads an answer, waiting and streaming', async () => {
    expect((await client.chat({ model: 'plain', messages })).message.content).toBe(answer)
    const { text, last } = await streamed('plain')
    expect(text).toBe(answer)
    expect(last).toMatchObject({ done: true, done_reason: 'stop', eval_count: expect.any(Number) })
  })

  it('reads what a model thinks', async () => {
    expect((await client.chat({ model: 'thinking', messages, think: true })).message.thinking).toBe('The user greets.')
    expect((await streamed('thinking')).thinking).toBe('The user greets.')
  })

  it('reads calls of tools', async () => {
    const waiting = (await client.chat({ model: 'tools', messages })).message.tool_calls ?? []
    for (const calls of [waiting, (await streamed('tools')).calls]) {
      expect(calls.map(({ function: called }) => [called.name, called.arguments])).toEqual([
        ['get_weather', { city: 'Zürich' }],
        ['get_time', { zone: 'CET' }],
      ])
    }
  })

  it('reads log probabilities and embeddings', async () => {
    const { logprobs } = await client.chat({ model: 'likely', messages, logprobs: true, top_logprobs: 1 })
    expect(logprobs?.[0]).toMatchObject({ token: 'Hi', logprob: -0.1 })
    expect((await client.embed({ model: 'e', input: ['a', 'b'] })).embeddings).toEqual(ollamaVectors)
  })

  it('makes its own errors of refusals, and of one in the middle of a stream', async () => {
    await expect(client.chat({ model: 'none', messages })).rejects.toMatchObject({
      name: 'ResponseError',
      status_code: 404,
    })
    await expect(client.chat({ model: 'busy', messages })).rejects.toMatchObject({ status_code: 503 })
    await expect(streamed('breaks off')).rejects.toThrow('model runner has unexpectedly stopped')
  })
})

describe('our adapter and Ollama’s client', () => {
  it('send the same request', async () => {
    const tool = {
      type: 'function',
      function: { name: 'f', description: 'd', parameters: { type: 'object', properties: {} } },
    }
    const schema = { type: 'object', properties: { n: { type: 'integer' } } }
    const provider = createOllamaProvider({
      baseUrl: fake.url,
      model: 'plain',
      timeouts: patient,
      connections: 1,
      refuseRemote: false,
      keepAliveMs: -1,
      contextTokens: 8_192,
    })
    const body = {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'done' },
      ],
      tools: [tool],
      response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
      reasoning_effort: 'high',
      logprobs: true,
      top_logprobs: 2,
      temperature: 0.5,
      seed: 7,
      stop: ['END'],
      max_tokens: 10,
    }
    await provider.complete(callOf({ bodyJson: JSON.stringify(body) }))
    const ours = JSON.parse(fake.requests.at(-1)?.body ?? '')
    await client.chat({
      model: 'plain',
      messages: [
        { role: 'user', content: 'Look', images: ['iVBORw0KGgo='] },
        { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] },
        { role: 'tool', content: 'done', tool_name: 'f' },
      ],
      tools: [tool],
      format: schema,
      think: 'high',
      logprobs: true,
      top_logprobs: 2,
      options: { temperature: 0.5, seed: 7, stop: ['END'], num_predict: 10, num_ctx: 8_192 },
      keep_alive: -1,
    })
    const theirs = JSON.parse(fake.requests.at(-1)?.body ?? '')
    await provider.close()
    // Their types have no ids of calls and no `truncate` and `shift`, which the server has (api/types.go).
    expect(ours).toMatchObject(theirs)
    expect(Object.keys(ours).filter((name) => !(name in theirs))).toEqual(['truncate', 'shift'])
  })

  it('read the same from the same fake', async () => {
    const provider = start('plain')
    const { text, failure } = await readStream(provider.stream(callOf()))
    expect({ text, failure }).toEqual({ text: (await streamed('plain')).text, failure: null })
    await provider.close()
    const broken = start('breaks off')
    expect((await readStream(broken.stream(callOf()))).failure).toMatchObject({ failure: 'server_error' })
    await broken.close()
    const busy = start('busy')
    expect(await failureOf(busy.complete(callOf()))).toMatchObject({ failure: 'overloaded' })
    await busy.close()
  })
})
