import { readFileSync } from 'node:fs'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import { describeProvider } from './provider-contract.ts'
import type { StartProvider } from './provider-harness.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/gemini/${name}`, import.meta.url), 'utf8')
}

const start: StartProvider = ({ url, timeouts, apiKey, connections = 4 }) =>
  createGeminiProvider({
    baseUrl: `${url}/v1beta`,
    model: 'gemini-2.5-flash',
    timeouts,
    connections,
    ...(apiKey === undefined ? {} : { apiKey }),
  })

const text = 'Grüße aus 東京 👩‍🚀: "ok"\ndone.'
const usage = {
  prompt_tokens: 26,
  completion_tokens: 11,
  total_tokens: 37,
  prompt_tokens_details: { cached_tokens: 6 },
  completion_tokens_details: { reasoning_tokens: 3 },
}
const calls = [
  { name: 'get_weather', arguments: { city: 'Zürich' } },
  { name: 'get_time', arguments: { zone: 'CET' } },
]
const stream = fixture('stream.sse')
const records = stream.split(/(?<=\r\n\r\n)/)

describeProvider('gemini', start, {
  path: '/v1beta/models/gemini-2.5-flash:generateContent',
  waitingType: 'application/json; charset=UTF-8',
  streamType: 'text/event-stream',
  waiting: { body: fixture('waiting.json'), text, usage },
  stream: { body: stream, text, usage },
  shortStream: {
    body: fixture('stream-short.sse'),
    text: 'Zü👩‍🚀',
    usage: {
      prompt_tokens: 5,
      completion_tokens: 2,
      total_tokens: 7,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  },
  waitingToolCalls: { body: fixture('waiting-tool-calls.json'), calls },
  streamToolCalls: { body: fixture('stream-tool-calls.sse'), calls },
  beginning: records.slice(0, 2).join(''),
  beginningText: 'Grüße aus',
  errorPart: 'data: {"error":{"code":500,"message":"An internal error has occurred.","status":"INTERNAL"}}\r\n\r\n',
  garbagePart: 'data: {"candidates": [{"content": {"par\r\n\r\n',
  errorBody: (message) => JSON.stringify({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }),
  keyHeaders: (key) => ({ 'x-goog-api-key': key }),
})
