/** The vendors' own clients read what our fakes of their APIs say: else the fakes would prove nothing. */
import { readFileSync } from 'node:fs'
import Anthropic from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI } from '@google/genai'
import { describe, expect, it } from 'vitest'
import { reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
}

const text = 'Grüße aus 東京 👩‍🚀: "ok"\ndone.'
const json = { 'content-type': 'application/json' }

async function withClient<T>(script: Script, use: (url: string) => Promise<T>): Promise<T> {
  await using upstream = await startUpstream(script)
  return await use(upstream.url)
}

describe('the SDK of Anthropic', () => {
  const body = { model: 'claude-opus-5', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello' }] }
  const open = (baseURL: string) => new Anthropic({ baseURL, apiKey: 'key', maxRetries: 0 })

  it('reads our waiting answers', async () => {
    const create = (name: string) =>
      withClient(reply(200, json, fixture(`anthropic/${name}`)), (url) => open(url).messages.create(body))
    expect(await create('waiting.json')).toMatchObject({ content: [{ type: 'text', text }], stop_reason: 'end_turn' })
    expect((await create('waiting-tool-calls.json')).content).toMatchObject([
      { type: 'tool_use', name: 'get_weather', input: { city: 'Zürich' } },
      { type: 'tool_use', name: 'get_time' },
    ])
    expect((await create('waiting-thinking.json')).content.map(({ type }) => type)).toEqual([
      'thinking',
      'redacted_thinking',
      'text',
    ])
  })

  it('reads our streams to their end', async () => {
    const finish = (name: string) =>
      withClient(replyInPieces('text/event-stream', [fixture(`anthropic/${name}`)]), (url) =>
        open(url).messages.stream(body).finalMessage(),
      )
    expect(await finish('stream.sse')).toMatchObject({ content: [{ text }], usage: { output_tokens: 11 } })
    expect((await finish('stream-tool-calls.sse')).content).toMatchObject([
      { input: { city: 'Zürich' } },
      { input: { zone: 'CET' } },
    ])
    expect((await finish('stream-thinking.sse')).content[0]).toMatchObject({
      thinking: 'The user greets.',
      signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=',
    })
  })

  it('reads our errors, before a stream and in it', async () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    await withClient(reply(529, json, JSON.stringify(error)), async (url) => {
      await expect(open(url).messages.create(body)).rejects.toMatchObject({ status: 529, error })
    })
    const record = `event: error\ndata: ${JSON.stringify(error)}\n\n`
    await withClient(replyInPieces('text/event-stream', [record]), async (url) => {
      await expect(open(url).messages.stream(body).finalMessage()).rejects.toThrow(Anthropic.APIError)
    })
  })
})

describe('the SDK of Google', () => {
  const request = { model: 'gemini-2.5-flash', contents: 'Hello' }
  const open = (baseUrl: string) => new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl } })

  it('reads our waiting answers', async () => {
    const generate = (name: string) =>
      withClient(reply(200, json, fixture(`gemini/${name}`)), (url) => open(url).models.generateContent(request))
    const answer = await generate('waiting.json')
    expect(answer.text).toBe(text)
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 26, thoughtsTokenCount: 3 })
    expect((await generate('waiting-tool-calls.json')).functionCalls).toMatchObject([
      { name: 'get_weather', args: { city: 'Zürich' } },
      { name: 'get_time' },
    ])
    expect((await generate('blocked.json')).promptFeedback?.blockReason).toBe('PROHIBITED_CONTENT')
  })

  it('reads our streams to their end', async () => {
    await withClient(replyInPieces('text/event-stream', [fixture('gemini/stream.sse')]), async (url) => {
      const texts: string[] = []
      let finishReason: string | undefined
      for await (const chunk of await open(url).models.generateContentStream(request)) {
        texts.push(chunk.text ?? '')
        finishReason = chunk.candidates?.[0]?.finishReason
      }
      expect({ text: texts.join(''), finishReason }).toEqual({ text, finishReason: 'STOP' })
    })
  })

  it('reads our errors', async () => {
    await withClient(reply(429, json, fixture('gemini/error-429.json')), async (url) => {
      const failing = open(url).models.generateContent(request)
      await expect(failing).rejects.toThrow(ApiError)
      await expect(failing).rejects.toMatchObject({ status: 429 })
    })
  })

  it('reads our embeddings', async () => {
    const answer = { embeddings: [{ values: [0.5, -1] }, { values: [2, 0.25] }] }
    await withClient(reply(200, json, JSON.stringify(answer)), async (url) => {
      const { embeddings } = await open(url).models.embedContent({
        model: 'gemini-embedding-001',
        contents: ['a', 'b'],
      })
      expect(embeddings).toMatchObject(answer.embeddings)
    })
  })
})
