import { readFileSync } from 'node:fs'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
import { describeProvider } from './provider-contract.ts'
import type { StartProvider } from './provider-harness.ts'

export function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/anthropic/${name}`, import.meta.url), 'utf8')
}

const start: StartProvider = ({ url, timeouts, apiKey, connections = 4 }) =>
  createAnthropicProvider({
    baseUrl: `${url}/v1`,
    model: 'claude-sonnet-4-5',
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
}
const calls = [
  { name: 'get_weather', arguments: { city: 'Zürich' } },
  { name: 'get_time', arguments: { zone: 'CET' } },
]
const stream = fixture('stream.sse')
const records = stream.split(/(?<=\n\n)/)

describeProvider('anthropic', start, {
  path: '/v1/messages',
  waitingType: 'application/json',
  streamType: 'text/event-stream; charset=utf-8',
  waiting: { body: fixture('waiting.json'), text, usage },
  stream: { body: stream, text, usage },
  shortStream: {
    body: fixture('stream-short.sse'),
    text: 'Zü👩‍🚀',
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_tokens_details: { cached_tokens: 0 } },
  },
  waitingToolCalls: { body: fixture('waiting-tool-calls.json'), calls },
  streamToolCalls: { body: fixture('stream-tool-calls.sse'), calls },
  beginning: records.slice(0, 5).join(''),
  beginningText: 'Grüße aus',
  errorPart: 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Internal server error"}}\n\n',
  garbagePart: 'event: content_block_delta\ndata: {"type":"content_block_de\n\n',
  errorBody: (message) => JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } }),
  keyHeaders: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
})
