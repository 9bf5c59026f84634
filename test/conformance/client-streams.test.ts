import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScriptedUpstream } from '../contract/scripted-upstream.ts'
import { brokenChats, wholeChats } from './chat-streams.ts'
import { type ClientCall, chatStreamReaders, type Reading, readByAll, responseStreamReaders } from './clients.ts'
import { startReplayServer } from './replay-server.ts'
import { brokenResponses, wholeResponses } from './response-streams.ts'

/**
 * What official clients make of streams without Sluice in between: why it sends what it sends. Some break on what the
 * format allows, and some take half an answer for a whole one without a word. When a new version of one reads a stream
 * in another way, its row here changes.
 */
const chats = { ...wholeChats, ...brokenChats }
const responses = { ...wholeResponses, ...brokenResponses }
let server: ScriptedUpstream
beforeAll(async () => {
  server = await startReplayServer({ '/v1/chat/completions': chats, '/v1/responses': responses })
})
afterAll(() => server[Symbol.asyncDispose]())

const callOf = (model: string): ClientCall => ({ baseURL: `${server.url}/v1`, apiKey: 'sk-none', model, prompt: 'x' })

/** The text and how it ended, or the text and the error's class. */
function verdictOf({ text, finish, error }: Reading): string {
  if (error === null) return `${text}, ${finish ?? 'without an end'}`
  return `${text}, ${error instanceof Error ? error.constructor.name : typeof error}`
}

type Verdicts<Client extends string> = Partial<Record<Client, string>>

/** The same for all, apart from those named. */
const all =
  <Client extends string>(clients: Readonly<Record<Client, unknown>>) =>
  (verdict: string, others: Verdicts<Client> = {}): Verdicts<Client> => ({
    ...(Object.fromEntries(Object.keys(clients).map((client) => [client, verdict])) as Verdicts<Client>),
    ...others,
  })

async function verdictsOn<Client extends string>(
  readers: Readonly<Record<Client, (call: ClientCall) => Promise<Reading>>>,
  name: string,
): Promise<Verdicts<Client>> {
  const readings = await readByAll(readers, callOf(name))
  return Object.fromEntries(
    Object.entries<Reading>(readings).map(([client, reading]) => [client, verdictOf(reading)]),
  ) as Verdicts<Client>
}

describe('a stream of a chat', () => {
  type Client = keyof typeof chatStreamReaders
  const by = all<Client>(chatStreamReaders)
  const asSaid = by('hello, stop')
  const brokenJson = by('he, SyntaxError', {
    'openai .stream()': 'he, OpenAIError',
    'ai, openai-compatible': 'he, JSONParseError',
    'ai, openai': 'he, JSONParseError',
  })
  const toldError = by('he, APIError', {
    'ai, openai-compatible': 'he, StreamProviderError',
    'ai, openai': 'he, StreamProviderError',
  })
  const lostConnection = by('he, TypeError', {
    'openai .stream()': 'he, OpenAIError',
    'ai, openai-compatible': 'he, APICallError',
    'ai, openai': 'he, APICallError',
  })
  const noChoices = by('hello, stop', {
    'openai .stream()': 'he, OpenAIError',
    'ai, openai-compatible': 'he, TypeValidationError',
    'ai, openai': 'he, TypeValidationError',
  })
  // Half of the clients say nothing: a plain end is no way to end what broke off.
  const plainEnd = by('hello, without an end', {
    'openai .stream()': 'hello, OpenAIError',
    'ai, openai-compatible': 'hello, InvalidResponseDataError',
    'ai, openai': 'hello, interrupted',
  })
  const unlikeTheRest: Partial<Record<keyof typeof chats, Verdicts<Client>>> = {
    // LangChain shows the text as nobody's: calls of tools and tokens are lost with the role.
    'no role': { ...asSaid, 'openai .stream()': ', OpenAIError' },
    'empty data': brokenJson,
    'an event without data': {
      ...brokenJson,
      'ai, openai-compatible': 'hello, stop',
      'ai, openai': 'hello, stop',
    },
    'a named event of another kind': noChoices,
    'JSON without choices': noChoices,
    'an error in the middle': toldError,
    'an error and [DONE]': toldError,
    'an error with a name': toldError,
    'an end without a finish reason': plainEnd,
    'an end without a finish reason, and [DONE]': plainEnd,
    'a connection that breaks': lostConnection,
    'a record that is cut off': lostConnection,
    'a finish reason that is none': by('he, error', {
      'ai, openai-compatible': 'he, other',
      'ai, openai': 'he, other',
    }),
    'what is not JSON': brokenJson,
  }

  it.each(Object.keys(chats) as (keyof typeof chats)[])('with %s is read as ever', async (name) => {
    expect(await verdictsOn(chatStreamReaders, name)).toEqual(unlikeTheRest[name] ?? asSaid)
  })
})

describe('a stream of a response', () => {
  type Client = keyof typeof responseStreamReaders
  const by = all<Client>(responseStreamReaders)
  const asSaid = by('hello, completed', { 'ai, openai': 'hello, stop' })
  const noHelper = { ...asSaid, 'openai .stream()': ', OpenAIError' }
  const toldError = by('hel, APIError', { 'ai, openai': 'hel, StreamProviderError' })
  const unlikeTheRest: Partial<Record<keyof typeof responses, Verdicts<Client>>> = {
    'keepalive first': noHelper,
    'response.queued first': noHelper,
    'an event type of its own': noHelper,
    'error, flat': toldError,
    'error, nested': toldError,
    'error, flat and nested': toldError,
    'error, then response.failed': toldError,
    'error, then response.failed, in the queue': by(', APIError', { 'ai, openai': ', APICallError' }),
    // Without `error` no failure is one to LangChain, nor to whoever only reads deltas.
    'response.failed alone': by('hel, failed', {
      'ai, openai': 'hel, StreamProviderError',
      langchain: 'hel, without an end',
    }),
    'response.failed alone, in the queue': by(', failed', {
      'ai, openai': ', APICallError',
      langchain: ', without an end',
    }),
    'response.failed with status cancelled': by('hel, cancelled', {
      'ai, openai': 'hel, StreamProviderError',
      langchain: 'hel, without an end',
    }),
    'response.incomplete with status cancelled': by('hel, cancelled', { 'ai, openai': 'hel, stop' }),
    'response.cancelled': {
      openai: 'hel, cancelled',
      'openai .stream()': 'hel, OpenAIError',
      'ai, openai': 'hel, interrupted',
      langchain: 'hel, without an end',
    },
    'an end without a last event': by('hel, in_progress', {
      'ai, openai': 'hel, interrupted',
      langchain: 'hel, without an end',
    }),
    'a connection that breaks': {
      openai: 'hel, TypeError',
      'openai .stream()': 'hel, OpenAIError',
      'ai, openai': 'hel, APICallError',
      langchain: 'hel, TypeError',
    },
    // Read from its middle, a stream is for whoever reads events; Vercel's throws a text where it used to go on.
    'the rest after a sequence number': by('lo, completed', {
      'openai .stream()': ', OpenAIError',
      'ai, openai': 'lo, string',
    }),
    // There is no way to take back what was said: an answer is never begun for the second time.
    'the same item again after response.in_progress': by('helhello, completed', {
      'openai .stream()': 'hel, OpenAIError',
      'ai, openai': 'helhello, stop',
    }),
    'a second item after one that was given up': by('helhello, completed', { 'ai, openai': 'helhello, stop' }),
  }

  it.each(Object.keys(responses) as (keyof typeof responses)[])('with %s is read as ever', async (name) => {
    expect(await verdictsOn(responseStreamReaders, name)).toEqual(unlikeTheRest[name] ?? asSaid)
  })
})
