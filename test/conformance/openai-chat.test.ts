import OpenAI from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, say } from '../support/chat-upstream.ts'
import { callTools } from './scripted-model.ts'

/**
 * OpenAI's own client, unmodified: what its helpers make of tools and structured answers. Plain chats, models, errors are
 * in e2e/openai-sdk, responses in contract/openai-responses, files and batches in integration.
 */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const model = 'local'
const messages = [{ role: 'user' as const, content: 'Where is it warmer?' }]

/** What the upstream was last asked. */
const lastBody = () => JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '') as Record<string, unknown>

describe('tools', () => {
  const steps = [
    [
      { name: 'get_degrees', arguments: { city: 'Zürich' } },
      { name: 'get_degrees', arguments: { city: '北京' } },
    ],
    [{ name: 'compare', arguments: { left: 7, right: 9 } }],
  ]

  it.each([
    ['waits', false],
    ['streams', true],
  ] as const)('are run by the client’s runner, turn by turn, while it %s', async (_how, stream) => {
    broker.upstream.script = callTools(steps)
    const runs: unknown[] = []
    const tool = (name: string, parameters: z.ZodType, result: string) =>
      zodFunction({
        name,
        parameters,
        function: (given: unknown) => {
          runs.push([name, given])
          return result
        },
      })
    const tools = [
      tool('get_degrees', z.object({ city: z.string() }), '7 °C'),
      tool('compare', z.object({ left: z.number(), right: z.number() }), 'right'),
    ]
    const body = { model, messages, tools }
    const runner = stream
      ? client.chat.completions.runTools({ ...body, stream: true })
      : client.chat.completions.runTools(body)
    expect(await runner.finalContent()).toBe('7 °C\n7 °C\nright')
    expect(runs).toEqual(steps.flat().map((call) => [call.name, call.arguments]))
    expect(runner.allChatCompletions().map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      'tool_calls',
      'tool_calls',
      'stop',
    ])
    // The model is shown what it called and what came of it, under the ids that it gave.
    expect(lastBody().messages).toMatchObject([
      messages[0],
      { role: 'assistant', tool_calls: [{ id: 'call_0_0' }, { id: 'call_0_1' }] },
      { role: 'tool', tool_call_id: 'call_0_0', content: '7 °C' },
      { role: 'tool', tool_call_id: 'call_0_1', content: '7 °C' },
      { role: 'assistant', tool_calls: [{ id: 'call_1_0', function: { arguments: '{"left":7,"right":9}' } }] },
      { role: 'tool', tool_call_id: 'call_1_0', content: 'right' },
    ])
  })
})

describe('a structured answer', () => {
  const weather = z.object({ city: z.string(), degrees: z.number() })
  const body = { model, messages, response_format: zodResponseFormat(weather, 'weather') }

  it('is parsed by the client’s helpers, waiting and streaming', async () => {
    broker.upstream.script = say('{"city":"Zürich","degrees":7}')
    const waited = await client.chat.completions.parse(body)
    expect(waited.choices[0]?.message.parsed).toEqual({ city: 'Zürich', degrees: 7 })
    expect(lastBody().response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema: { required: ['city', 'degrees'] } },
    })
    const streamed = await client.chat.completions.stream(body).finalChatCompletion()
    expect(streamed.choices[0]?.message.parsed).toEqual({ city: 'Zürich', degrees: 7 })
  })

  it('that does not follow its schema is an error of the client, not of Sluice', async () => {
    broker.upstream.script = say('{"city":7}')
    await expect(client.chat.completions.parse(body)).rejects.toThrow(z.ZodError)
  })
})

describe('several choices with their probabilities', () => {
  const probability = { token: 'a', logprob: -0.5, bytes: [97], top_logprobs: [] }
  const choiceOf = (index: number, content: string) => ({
    index,
    logprobs: { content: [probability], refusal: null },
    finish_reason: 'stop',
    message: { role: 'assistant', content, refusal: null },
  })

  it('come as the model gave them', async () => {
    const choices = [choiceOf(0, 'a'), choiceOf(1, 'b')]
    broker.upstream.script = (_call, response) => {
      const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
      const answer = { id: 'c', object: 'chat.completion', created: 1_700_000_000, model: 'm', choices, usage }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    }
    const asked = { n: 2, logprobs: true, top_logprobs: 0, seed: 7, logit_bias: { '50256': -100 } }
    const completion = await client.chat.completions.create({ model, messages, ...asked })
    expect(completion.choices).toEqual(choices)
    expect(lastBody()).toMatchObject(asked)
  })
})
