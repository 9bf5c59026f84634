import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Provider } from '../../src/core/provider.ts'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
import { createBedrockProvider } from '../../src/providers/bedrock.ts'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import { weather } from './model-requests.ts'
import { callOf, patient } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const common = { timeouts: patient, connections: 1, apiKey: () => 'key' }
const question = { role: 'user', content: 'What is the weather?' }

/** Asks, lets the tool that was called answer, and asks again with all of it: what the second request says. */
async function goOn(open: (url: string) => Provider, answer: object) {
  await using upstream = await startUpstream(reply(200, { 'content-type': 'application/json' }, JSON.stringify(answer)))
  const provider = open(upstream.url)
  const ask = async (messages: object[]) => {
    const call = callOf({ bodyJson: JSON.stringify({ messages, tools: [weather] }) })
    return JSON.parse((await provider.complete(call)).bodyJson).choices[0].message
  }
  const message = await ask([question])
  const results = message.tool_calls.map(({ id }: { id: string }) => ({
    role: 'tool',
    tool_call_id: id,
    content: 'warm',
  }))
  await ask([question, message, ...results])
  await provider.close()
  return JSON.parse(upstream.requests[1]?.body ?? '')
}

describe('what proves a thought', () => {
  it('comes back to Anthropic as it was', async () => {
    const content = [
      { type: 'thinking', thinking: 'I need the weather.', signature: 'c2lnbmVk' },
      { type: 'redacted_thinking', data: 'aGlkZGVu' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Zürich' } },
    ]
    const usage = { input_tokens: 1, output_tokens: 1 }
    const answer = { type: 'message', id: 'm', role: 'assistant', model: 'c', content, stop_reason: 'tool_use', usage }
    const open = (url: string) => createAnthropicProvider({ ...common, baseUrl: url, model: 'claude-sonnet-4-5' })
    expect((await goOn(open, answer)).messages[1]).toEqual({ role: 'assistant', content })
  })

  it('comes back to Gemini as it was', async () => {
    const { candidates } = JSON.parse(
      readFileSync(new URL('../fixtures/gemini/waiting-tool-calls.json', import.meta.url), 'utf8'),
    )
    const open = (url: string) => createGeminiProvider({ ...common, baseUrl: url, model: 'gemini-3-pro-preview' })
    const { contents } = await goOn(open, { candidates })
    expect(contents[1]).toMatchObject({ role: 'model', parts: candidates[0].content.parts })
  })

  it('comes back to Bedrock as it was', async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: 'I need the weather.', signature: 'c2lnbmVk' } } },
      { reasoningContent: { redactedContent: 'aGlkZGVu' } },
      { text: 'Let me see.' },
      { toolUse: { toolUseId: 'tooluse_1', name: 'get_weather', input: { city: 'Zürich' } } },
    ]
    const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 }
    const answer = { output: { message: { role: 'assistant', content } }, stopReason: 'tool_use', usage }
    const model = 'anthropic.claude-sonnet-4-20250514-v1:0'
    const open = (url: string) => createBedrockProvider({ ...common, baseUrl: url, model, region: 'us-east-1' })
    expect((await goOn(open, answer)).messages[1]).toEqual({ role: 'assistant', content })
  })
})
