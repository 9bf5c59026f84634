import { cut, type Records } from './chat-streams.ts'

type Fields = Readonly<Record<string, unknown>>

const usage = {
  input_tokens: 1,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: 2,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 3,
}

const response = (status: string, more: Fields = {}): Fields => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  status,
  background: true,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: 'm',
  output: [],
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage: null,
  ...more,
})
const message = (status: string, content: readonly Fields[], id = 'msg_1') => ({
  type: 'message',
  id,
  status,
  role: 'assistant',
  content,
})
const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })

const event = (type: string, sequence_number: number, fields: Fields = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`
const ended = (kind: string, number: number, status: string, more: Fields = {}) =>
  event(`response.${kind}`, number, { response: response(status, more) })

/** The events of one message, from that which adds it to that which closes it. */
function messageEvents(first: number, output_index: number, id: string): string[] {
  const place = { item_id: id, output_index, content_index: 0 }
  return [
    event('response.output_item.added', first, { output_index, item: message('in_progress', [], id) }),
    event('response.content_part.added', first + 1, { ...place, part: part('') }),
    event('response.output_text.delta', first + 2, { ...place, delta: 'hel', logprobs: [] }),
    event('response.output_text.delta', first + 3, { ...place, delta: 'lo', logprobs: [] }),
    event('response.output_text.done', first + 4, { ...place, text: 'hello', logprobs: [] }),
    event('response.content_part.done', first + 5, { ...place, part: part('hello') }),
    event('response.output_item.done', first + 6, { output_index, item: message('completed', [part('hello')], id) }),
  ]
}

const created = ended('created', 0, 'queued')
const queued = ended('queued', 1, 'queued')
const completed = (number: number) =>
  ended('completed', number, 'completed', { output: [message('completed', [part('hello')])], usage })
const good = [created, queued, ended('in_progress', 2, 'in_progress'), ...messageEvents(3, 0, 'msg_1'), completed(10)]
/** Up to the first half of the text. */
const half = good.slice(0, 6)
const insert = (record: string, at: number, into = good) => [...into.slice(0, at), record, ...into.slice(at)]
const withIds = good.map((record, index) => `id: ${index}\n${record}`)

const flat = { code: 'provider_unavailable', message: 'boom', param: null }
const nested = { error: { type: 'server_error', ...flat } }
const failure = { error: { code: 'server_error', message: 'boom' } }

/** Responses that say `hello`. Some clients make more or less of some of them. */
export const wholeResponses = {
  'nothing odd': good,
  '[DONE] at the end': [...good, 'data: [DONE]\n\n'],
  'more fields in response.created': [
    ended('created', 0, 'queued', { sluice: { queue: { position: 4 } } }),
    ...good.slice(1),
  ],
  'response.queued again with more fields': insert(
    ended('queued', 2, 'queued', { sluice: { queue: { position: 2, eta_seconds: 9 } } }),
    2,
  ),
  'a comment': insert(': queue position=2\n\n', 2),
  ids: withIds,
  'ids and a comment': insert(': ping\n\n', 3, withIds),
  'keepalive in the middle': insert(event('keepalive', 3), 3),
  'keepalive first': [event('keepalive', 0), ...good],
  'response.queued first': [queued, ...good.slice(2)],
  'an event type of its own': insert(event('sluice.queue', 3, { position: 4 }), 3),
} satisfies Record<string, Records>

/** Responses that are no whole `hello`. */
export const brokenResponses = {
  'error, flat': [...half, event('error', 6, flat)],
  'error, nested': [...half, event('error', 6, nested)],
  'error, flat and nested': [...half, event('error', 6, { ...flat, ...nested })],
  'error, then response.failed': [
    ...half,
    event('error', 6, { ...flat, ...nested }),
    ended('failed', 7, 'failed', failure),
  ],
  'error, then response.failed, in the queue': [
    created,
    queued,
    event('error', 2, { ...flat, ...nested }),
    ended('failed', 3, 'failed', failure),
  ],
  'response.failed alone': [...half, ended('failed', 6, 'failed', failure)],
  'response.failed alone, in the queue': [created, queued, ended('failed', 2, 'failed', failure)],
  'response.failed with status cancelled': [...half, ended('failed', 6, 'cancelled', failure)],
  'response.incomplete with status cancelled': [
    ...half,
    ended('incomplete', 6, 'cancelled', { output: [message('incomplete', [part('hel')])], usage }),
  ],
  'response.cancelled': [...half, ended('cancelled', 6, 'cancelled')],
  'an end without a last event': half,
  'a connection that breaks': [...half, cut],
  'the rest after a sequence number': good.slice(6),
  'the same item again after response.in_progress': [
    ...half,
    ended('in_progress', 6, 'in_progress'),
    ...messageEvents(7, 0, 'msg_1'),
    completed(14),
  ],
  'a second item after one that was given up': [
    ...half,
    event('response.output_item.done', 6, { output_index: 0, item: message('incomplete', [part('hel')]) }),
    ...messageEvents(7, 1, 'msg_2'),
    ended('completed', 14, 'completed', {
      output: [message('incomplete', [part('hel')]), message('completed', [part('hello')], 'msg_2')],
      usage,
    }),
  ],
} satisfies Record<string, Records>
