/** What the exam of the providers is written with: upstreams, calls, and ways to read what came of them. */
import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { expect } from 'vitest'
import { ChatAssembler } from '../../src/core/chat-assembler.ts'
import {
  type CallTimeouts,
  type Provider,
  type ProviderCall,
  ProviderError,
  type TokenUsage,
} from '../../src/core/provider.ts'
import { reply, type Script, type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'

export interface StartOptions {
  /** Scheme, host and port of the upstream. */
  readonly url: string
  readonly timeouts: CallTimeouts
  readonly apiKey?: () => string
  readonly connections?: number
}

export type StartProvider = (options: StartOptions) => Provider

export interface RecordedCall {
  readonly name: string
  readonly arguments: unknown
}

/** What the upstream answers, in its own format, and what that means. */
export interface RecordedAnswers {
  readonly path: string
  readonly waitingType: string
  readonly streamType: string
  readonly waiting: { readonly body: string; readonly text: string; readonly usage: TokenUsage }
  readonly stream: { readonly body: string | Buffer; readonly text: string; readonly usage: TokenUsage }
  /** Short, because it is sent once for every place at which it can be cut in two. */
  readonly shortStream: { readonly body: string | Buffer; readonly text: string; readonly usage: TokenUsage }
  readonly waitingToolCalls: { readonly body: string; readonly calls: readonly RecordedCall[] }
  readonly streamToolCalls: { readonly body: string | Buffer; readonly calls: readonly RecordedCall[] }
  /** The first parts of an answer, without any that ends it. */
  readonly beginning: string | Buffer
  readonly beginningText: string
  /** A part that says that the upstream failed after all. */
  readonly errorPart: string | Buffer
  /** A part that is not JSON where JSON belongs. */
  readonly garbagePart: string | Buffer
  /** What an upstream may send while it has nothing to say, a line end if unset. */
  readonly drip?: string | Buffer
  /** The body of an error that quotes `text`. */
  readonly errorBody: (text: string) => string
  /** The headers that carry a key, a bearer token if unset. */
  readonly keyHeaders?: (key: string) => Readonly<Record<string, string>>
}

/** What comes after the beginning of a stream. */
export function restOf({ stream, beginning }: RecordedAnswers): Buffer {
  return Buffer.from(stream.body).subarray(Buffer.byteLength(beginning))
}

export const patient: CallTimeouts = { connectMs: 10_000, firstByteMs: 10_000, idleMs: 10_000, totalMs: 15_000 }

export function callOf(overrides: Partial<ProviderCall> = {}): ProviderCall {
  return {
    bodyJson: '{"messages":[{"role":"user","content":"Hello"}]}',
    headers: {},
    signal: new AbortController().signal,
    ...overrides,
  }
}

/** What a stream yielded before it ended or threw. */
export async function readStream(chunks: AsyncIterable<readonly string[]>) {
  const assembler = new ChatAssembler()
  const jsons: string[] = []
  let failure: unknown = null
  try {
    for await (const batch of chunks) {
      for (const json of batch) {
        assembler.add(json)
        jsons.push(json)
      }
    }
  } catch (error) {
    failure = error
  }
  return { jsons, text: assembler.text, completion: JSON.parse(assembler.completionJson()), failure }
}

export async function failureOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ProviderError)
  return error as ProviderError
}

/** One adapter that sits the exam, and the upstream that it sits it against. */
export interface Candidate {
  readonly name: string
  readonly start: StartProvider
  readonly recorded: RecordedAnswers
  readonly waitingReply: Script
  readonly streamReply: Script
  withUpstream(
    script: Script,
    test: (provider: Provider, upstream: ScriptedUpstream) => Promise<void>,
    timeouts?: Partial<CallTimeouts>,
  ): Promise<void>
}

export function createCandidate(name: string, start: StartProvider, recorded: RecordedAnswers): Candidate {
  return {
    name,
    start,
    recorded,
    waitingReply: reply(200, { 'content-type': recorded.waitingType }, recorded.waiting.body),
    streamReply: reply(200, { 'content-type': recorded.streamType }, recorded.stream.body),
    async withUpstream(script, test, timeouts = {}) {
      await using upstream = await startUpstream(script)
      const provider = start({ url: upstream.url, timeouts: { ...patient, ...timeouts } })
      await test(provider, upstream)
      await provider.close()
    },
  }
}

/** Both ways to call, as something to await that fails as the call fails. */
export const ways: readonly ['waiting' | 'streaming', (provider: Provider, call?: ProviderCall) => Promise<void>][] = [
  [
    'waiting',
    async (provider, call = callOf()) => {
      await provider.complete(call)
    },
  ],
  [
    'streaming',
    async (provider, call = callOf()) => {
      const { failure } = await readStream(provider.stream(call))
      if (failure !== null) throw failure
    },
  ],
]

/** Accepts TCP connections and never says a word: a TLS handshake with it does not end. */
export async function startSilentTcp() {
  const connected = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    connected.resolve()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hangUp = async () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    tlsUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connected: connected.promise,
    hangUp,
    async [Symbol.asyncDispose]() {
      await hangUp()
      server.close()
      await once(server, 'close')
    },
  }
}
