import { HumanMessage, type ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, say } from '../support/chat-upstream.ts'
import { callTools, embed, vectorOf } from './scripted-model.ts'

/** LangChain's classes for OpenAI, unmodified but for their base URL. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    models: { local: [{ id: 'studio-a', pool: 'studio' }], words: [{ id: 'studio-w', pool: 'studio' }] },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const text = 'Grüße, 日本語, 👩‍👧.'
const usage = { input_tokens: 7, output_tokens: 5, total_tokens: 12 }
const at = () => ({ apiKey: broker.keys.acme, configuration: { baseURL: broker.baseURL }, maxRetries: 0 })

/** What the upstream was last asked. */
const lastBody = () => JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '') as Record<string, unknown>

describe.each([
  ['chat completions', false],
  ['responses', true],
])('ChatOpenAI by %s', (_name, useResponsesApi) => {
  const open = () => new ChatOpenAI({ ...at(), model: 'local', temperature: 0.5, useResponsesApi })

  it('answers in one piece', async () => {
    const answer = await open().invoke([
      ['system', 'Be brief.'],
      ['human', `echo: ${text}`],
    ])
    expect(answer.text).toBe(text)
    expect(answer.usage_metadata).toMatchObject(usage)
    expect(lastBody()).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: `echo: ${text}` },
      ],
      temperature: 0.5,
    })
  })

  it('streams its answer piece by piece', async () => {
    const chunks = await Array.fromAsync(await open().stream(`echo: ${text}`))
    expect(chunks.map((chunk) => chunk.text).join('')).toBe(text)
    expect(chunks.filter((chunk) => chunk.text !== '').length).toBeGreaterThan(3)
    const whole = chunks.reduce((sum, chunk) => sum.concat(chunk))
    expect(whole.usage_metadata).toMatchObject(usage)
  })

  it('answers a batch, each prompt with its own', async () => {
    const prompts = Array.from({ length: 6 }, (_, index) => `echo: number ${index}`)
    const answers = await open().batch(prompts)
    expect(answers.map((answer) => answer.text)).toEqual(prompts.map((_, index) => `number ${index}`))
  })

  it.each([
    ['waits', false],
    ['streams', true],
  ])('calls tools and is told what came of them, while it %s', async (_how, streaming) => {
    const steps = [
      [
        { name: 'degrees', arguments: { city: 'Zürich' } },
        { name: 'degrees', arguments: { city: '北京' } },
      ],
    ]
    broker.upstream.script = callTools(steps)
    const degrees = tool(async ({ city }: { city: string }) => `${city}: 7 °C`, {
      name: 'degrees',
      description: 'How warm it is.',
      schema: z.object({ city: z.string() }),
    })
    const model = open().bindTools([degrees])
    const ask = async (messages: Parameters<typeof model.invoke>[0]) => {
      if (!streaming) return model.invoke(messages)
      const chunks = await Array.fromAsync(await model.stream(messages))
      return chunks.reduce((sum, chunk) => sum.concat(chunk))
    }
    const question = new HumanMessage('Where is it warmer?')
    const called = await ask([question])
    expect(called.tool_calls).toMatchObject([
      { name: 'degrees', args: { city: 'Zürich' }, id: 'call_0_0' },
      { name: 'degrees', args: { city: '北京' }, id: 'call_0_1' },
    ])
    const results: ToolMessage[] = []
    for (const call of called.tool_calls ?? [])
      results.push(await degrees.invoke({ ...call, type: 'tool_call' as const }))
    const last = await ask([question, called, ...results])
    expect(last.text).toBe('Zürich: 7 °C\n北京: 7 °C')
    expect(lastBody().messages).toMatchObject([
      { role: 'user', content: 'Where is it warmer?' },
      { role: 'assistant', tool_calls: [{ id: 'call_0_0' }, { id: 'call_0_1' }] },
      { role: 'tool', tool_call_id: 'call_0_0', content: 'Zürich: 7 °C' },
      { role: 'tool', tool_call_id: 'call_0_1', content: '北京: 7 °C' },
    ])
  })

  it('gives an answer that follows a schema', async () => {
    broker.upstream.script = say('{"city":"Zürich","degrees":7}')
    const schema = z.object({ city: z.string(), degrees: z.number() })
    const structured = open().withStructuredOutput(schema, { name: 'weather', method: 'jsonSchema' })
    expect(await structured.invoke('Weather?')).toEqual({ city: 'Zürich', degrees: 7 })
    expect(lastBody().response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'weather', schema: { required: ['city', 'degrees'] } },
    })
  })
})

describe('OpenAIEmbeddings', () => {
  it('embeds a query, and documents', async () => {
    broker.upstream.script = embed
    const embeddings = new OpenAIEmbeddings({ ...at(), model: 'words' })
    expect(await embeddings.embedQuery('disk full')).toEqual(vectorOf(0))
    expect(await embeddings.embedDocuments(['disk full', 'lunch', 'dinner'])).toEqual([
      vectorOf(0),
      vectorOf(1),
      vectorOf(2),
    ])
  })
})
