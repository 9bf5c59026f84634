import { readFileSync } from 'node:fs'
import { createBedrockProvider } from '../../src/providers/bedrock.ts'
import { eventFrame, exceptionFrame, rawFrame } from '../support/aws-event-stream.ts'
import { beginning, shortStream, stream, streamToolCalls } from './bedrock-streams.ts'
import { describeProvider } from './provider-contract.ts'
import type { StartProvider } from './provider-harness.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/bedrock/${name}`, import.meta.url), 'utf8')
}

const start: StartProvider = ({ url, timeouts, apiKey = () => 'the key', connections = 4 }) =>
  createBedrockProvider({
    baseUrl: url,
    region: 'eu-central-1',
    model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
    timeouts,
    connections,
    apiKey,
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

describeProvider('bedrock', start, {
  path: '/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse',
  waitingType: 'application/json',
  streamType: 'application/vnd.amazon.eventstream',
  waiting: { body: fixture('waiting.json'), text, usage },
  stream: { body: stream, text, usage },
  shortStream: {
    body: shortStream,
    text: 'Zü👩‍🚀',
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_tokens_details: { cached_tokens: 0 } },
  },
  waitingToolCalls: { body: fixture('waiting-tool-calls.json'), calls },
  streamToolCalls: { body: streamToolCalls, calls },
  beginning,
  beginningText: 'Grüße aus',
  errorPart: exceptionFrame(
    'modelStreamErrorException',
    'The system encountered an unexpected error during processing.',
  ),
  garbagePart: rawFrame({ ':event-type': 'contentBlockDelta', ':message-type': 'event' }, '{"contentBlockIn'),
  drip: eventFrame('messageStart', { role: 'assistant' }),
  errorBody: (message) => JSON.stringify({ message }),
})
