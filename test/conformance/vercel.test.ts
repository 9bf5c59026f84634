import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  embedMany,
  embed as embedOne,
  generateObject,
  generateText,
  isStepCount,
  type LanguageModel,
  Output,
  streamText,
  tool,
} from 'ai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, completion, echo, lastRecords, say } from '../support/chat-upstream.ts'
import { callTools, embed, vectorOf } from './scripted-model.ts'

/** Vercel's AI SDK with its providers for OpenAI and for what is like it, unmodified but for their base URL. */
let broker: TestBroker
beforeAll(async () => {
  // It tells of what is deprecated, and `generateObject` is.
  globalThis.AI_SDK_LOG_WARNINGS = false
  broker = await startTestBroker({
    models: { local: [{ id: 'studio-a', pool: 'studio' }], words: [{ id: 'studio-w', pool: 'studio' }] },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const at = () => ({ baseURL: broker.baseURL, apiKey: broker.keys.acme })
const compatible = () =>
  createOpenAICompatible({ name: 'sluice', ...at(), supportsStructuredOutputs: true, includeUsage: true })
const models: [string, () => LanguageModel][] = [
  ['@ai-sdk/openai-compatible', () => compatible().chatModel('local')],
  ['@ai-sdk/openai, chat', () => createOpenAI(at()).chat('local')],
  ['@ai-sdk/openai, responses', () => createOpenAI(at()).responses('local')],
]
const text = 'Grüße, 日本語, 👩‍👧.'
const usage = { inputTokens: 7, outputTokens: 5, totalTokens: 12 }
const maxRetries = 0

/** What the upstream was last asked. */
const lastBody = () => JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '') as Record<string, unknown>

const steps = [
  [
    { name: 'degrees', arguments: { city: 'Zürich' } },
    { name: 'degrees', arguments: { city: '北京' } },
  ],
  [{ name: 'compare', arguments: { left: 7, right: 9 } }],
]
const tools = {
  degrees: tool({ inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `${city}: 7 °C` }),
  compare: tool({
    inputSchema: z.object({ left: z.number(), right: z.number() }),
    execute: async ({ left, right }) => (left > right ? 'left' : 'right'),
  }),
}
const conversation = { tools, stopWhen: isStepCount(5), prompt: 'Where is it warmer?', maxRetries }
const said = 'Zürich: 7 °C\n北京: 7 °C\nright'

describe.each(models)('%s', (name, modelOf) => {
  it('generates a text', async () => {
    const generated = await generateText({
      model: modelOf(),
      instructions: 'Be brief.',
      prompt: `echo: ${text}`,
      temperature: 0.5,
      maxOutputTokens: 100,
      maxRetries,
    })
    expect(generated).toMatchObject({ text, finishReason: 'stop', usage, warnings: [] })
    expect(lastBody()).toMatchObject({
      messages: [{ content: 'Be brief.' }, { role: 'user' }],
      temperature: 0.5,
    })
  })

  it('streams a text piece by piece', async () => {
    const streamed = streamText({ model: modelOf(), prompt: `echo: ${text}`, maxRetries })
    const pieces = await Array.fromAsync(streamed.textStream)
    expect(pieces.join('')).toBe(text)
    expect(pieces.length).toBeGreaterThan(3)
    expect(await streamed.finishReason).toBe('stop')
    expect(await streamed.usage).toMatchObject(usage)
  })

  it('runs tools over several steps', async () => {
    broker.upstream.script = callTools(steps)
    const generated = await generateText({ model: modelOf(), ...conversation })
    expect(generated.text).toBe(said)
    const calls = generated.steps.map(({ toolCalls }) => toolCalls.map(({ toolName, input }) => [toolName, input]))
    expect(calls).toEqual([...steps.map((step) => step.map((call) => [call.name, call.arguments])), []])
    expect(lastBody()).toMatchObject({
      messages: [
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'call_0_0' }, { id: 'call_0_1' }] },
        { role: 'tool', tool_call_id: 'call_0_0', content: 'Zürich: 7 °C' },
        { role: 'tool', tool_call_id: 'call_0_1', content: '北京: 7 °C' },
        { role: 'assistant', tool_calls: [{ id: 'call_1_0' }] },
        { role: 'tool', tool_call_id: 'call_1_0', content: 'right' },
      ],
      tools: [{ function: { name: 'degrees' } }, { function: { name: 'compare' } }],
    })
  })

  it('runs tools over several steps of a stream', async () => {
    broker.upstream.script = callTools(steps)
    const streamed = streamText({ model: modelOf(), ...conversation })
    expect(await streamed.text).toBe(said)
    expect((await streamed.steps).map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'tool-calls', 'stop'])
  })

  it('shows what the model thought apart from what it said', async () => {
    const thought = 'It was asked for a text.'
    broker.upstream.script = (call, response) => {
      const answer = JSON.parse(completion(text)) as { choices: { message: object }[] }
      Object.assign(answer.choices[0]?.message ?? {}, { reasoning_content: thought })
      if (!call.stream) {
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ role: 'assistant', reasoning_content: thought }))
      response.end(chunkRecord({ content: text }) + lastRecords())
    }
    const asked = { model: modelOf(), prompt: 'Think.', maxRetries }
    const generated = await generateText(asked)
    expect(generated.text).toBe(text)
    const streamed = streamText(asked)
    expect(await streamed.text).toBe(text)
    // OpenAI's own chats have no word for it.
    const shown = name === '@ai-sdk/openai, chat' ? undefined : thought
    expect([generated.finalStep.reasoningText, (await streamed.finalStep).reasoningText]).toEqual([shown, shown])
  })

  const schema = z.object({ city: z.string(), degrees: z.number() })

  it('makes an object that follows a schema', async () => {
    broker.upstream.script = say('{"city":"Zürich","degrees":7}')
    const asked = { model: modelOf(), prompt: 'Weather?', maxRetries }
    expect((await generateText({ ...asked, output: Output.object({ schema }) })).output).toEqual({
      city: 'Zürich',
      degrees: 7,
    })
    expect(lastBody().response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { schema: { required: ['city', 'degrees'] } },
    })
    expect((await generateObject({ ...asked, schema })).object).toEqual({ city: 'Zürich', degrees: 7 })
    const streamed = streamText({ ...asked, output: Output.object({ schema }) })
    const partial = await Array.fromAsync(streamed.partialOutputStream)
    expect(partial.at(-1)).toEqual({ city: 'Zürich', degrees: 7 })
    expect(partial.length).toBeGreaterThan(1)
  })

  it('breaks off down to the model when it is aborted', async () => {
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunkRecord({ content: 'first' }))
    }
    const stop = new AbortController()
    const prompt = `abort ${name}`
    // A response goes on when its reader leaves, unless it is not to be stored.
    const providerOptions = { openai: { store: false } }
    const streamed = streamText({ model: modelOf(), prompt, maxRetries, providerOptions, abortSignal: stop.signal })
    const seen: string[] = []
    for await (const part of streamed.stream) {
      seen.push(part.type)
      if (part.type === 'text-delta') stop.abort()
    }
    expect(seen.at(-1)).toBe('abort')
    const { request } = await broker.upstream.callOf((call) => call.prompt === prompt)
    await request.closed
  })
})

describe.each([
  ['@ai-sdk/openai-compatible', () => compatible().embeddingModel('words')],
  ['@ai-sdk/openai', () => createOpenAI(at()).embedding('words')],
] as const)('%s', (_name, modelOf) => {
  it('embeds one text, and many', async () => {
    broker.upstream.script = embed
    const one = await embedOne({ model: modelOf(), value: 'disk full', maxRetries })
    expect(one.embedding).toEqual(vectorOf(0))
    expect(one.usage.tokens).toBe(4)
    const many = await embedMany({ model: modelOf(), values: ['disk full', 'lunch', 'dinner'], maxRetries })
    expect(many.embeddings).toEqual([vectorOf(0), vectorOf(1), vectorOf(2)])
    expect(many.usage.tokens).toBe(12)
  })
})

describe('@ai-sdk/openai, responses', () => {
  it('takes a model for one that reasons, and asks for its secret thoughts with store: false', async () => {
    const model = createOpenAI(at()).responses('local')
    const providerOptions = { openai: { store: false, include: ['reasoning.encrypted_content' as const] } }
    const generated = await generateText({ model, prompt: `echo: ${text}`, providerOptions, maxRetries })
    expect(generated.text).toBe(text)
    expect(generated.reasoning).toEqual([])
  })

  it('runs tools over several steps without anything being stored', async () => {
    broker.upstream.script = callTools(steps)
    const model = createOpenAI(at()).responses('local')
    const providerOptions = { openai: { store: false } }
    const generated = await generateText({ model, ...conversation, providerOptions })
    expect(generated.text).toBe(said)
  })

  it('goes on from the response before', async () => {
    const model = createOpenAI(at()).responses('local')
    const first = await generateText({ model, prompt: 'echo: one', maxRetries })
    const previousResponseId = first.providerMetadata?.openai?.responseId as string
    expect(previousResponseId).toMatch(/^resp_/)
    const providerOptions = { openai: { previousResponseId } }
    const second = await generateText({ model, prompt: 'echo: two', providerOptions, maxRetries })
    expect(second.text).toBe('two')
    expect(lastBody().messages).toEqual([
      { role: 'user', content: 'echo: one' },
      { role: 'assistant', content: 'one' },
      { role: 'user', content: 'echo: two' },
    ])
  })
})
