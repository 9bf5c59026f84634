import { chunkRecord, lastRecords } from '../support/chat-upstream.ts'

/** Where the connection breaks instead of ending. */
export const cut = Symbol('cut')

/** What an upstream sends, in the pieces in which it does. */
export type Records = readonly (string | typeof cut)[]

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const chunk = (more: object) =>
  data({
    id: 'chatcmpl-test',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'upstream-model',
    ...more,
  })

const role = chunkRecord({ role: 'assistant', content: '' })
const he = chunkRecord({ content: 'he' })
const llo = chunkRecord({ content: 'llo' })
const done = 'data: [DONE]\n\n'
const good = [role, he, llo, ...lastRecords().split(/(?<=\n\n)/)]
const withIds = good.map((record, index) => `id: ${index}\n${record}`)
const boom = data({ error: { message: 'boom', type: 'server_error', code: 'provider_unavailable', param: null } })
const place = { sluice: { queue: { position: 3 } } }

const insert = (record: string, at = 2, into = good) => [...into.slice(0, at), record, ...into.slice(at)]

/** In the place of the second half of the text. */
const instead = (record: string) => [role, he, record, ...good.slice(3)]

/** Chats that say `hello`, one way or the other: what upstreams, proxies and gateways were seen to make of a stream. */
export const wholeChats = {
  'nothing odd': good,
  'a comment first': [': queue position=3\n\n', ...good],
  'a comment in the middle': insert(': ping\n\n'),
  'a comment that ends in one line feed': insert(': ping\n'),
  ids: withIds,
  'ids and a comment': insert(': ping\n\n', 2, withIds),
  'ids and a comment that ends in one line feed': insert(': ping\n', 2, withIds),
  'retry alone': ['retry: 3000\n\n', ...good],
  'retry in a record': [`retry: 3000\n${role}`, ...good.slice(1)],
  'empty data': insert('data: \n\n'),
  'an event without data': insert('event: ping\n\n'),
  'a named event of another kind': insert('event: queue\ndata: {"position":3}\n\n'),
  'no choices in the middle': insert(chunk({ choices: [], ...place }), 1),
  'no choices first': [chunk({ choices: [], ...place }), ...good],
  'an empty delta with more keys': insert(chunk({ choices: [{ index: 0, delta: {}, finish_reason: null }], ...place })),
  'another id and model in the middle': instead(
    chunk({ id: 'other', model: 'm2', choices: [{ index: 0, delta: { content: 'llo' }, finish_reason: null }] }),
  ),
  'a role again': instead(chunkRecord({ role: 'assistant', content: 'llo' })),
  'no role': good.slice(1),
  'no [DONE]': good.slice(0, -1),
} satisfies Record<string, Records>

/** Chats that do not come to a good end. */
export const brokenChats = {
  'an error in the middle': [role, he, boom],
  'an error and [DONE]': [role, he, boom, done],
  'an error with a name': [role, he, `event: error\n${boom}`],
  'an end without a finish reason': [role, he, llo],
  'an end without a finish reason, and [DONE]': [role, he, llo, done],
  'a connection that breaks': [role, he, cut],
  'a record that is cut off': [role, he, llo.slice(0, -8), cut],
  'JSON without choices': insert(data({ object: 'queue', position: 3 })),
  'a finish reason that is none': [role, he, chunkRecord({}, 'error'), done],
  'what is not JSON': [role, he, 'data: {"choices":[\n\n'],
} satisfies Record<string, Records>
