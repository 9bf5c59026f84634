import type { ServerResponse } from 'node:http'
import { type SeenRequest, startUpstream } from '../contract/scripted-upstream.ts'

/** A chat-completions call as an upstream sees it. */
export interface ChatCall {
  /** The deployment whose base URL was called. */
  readonly deployment: string
  readonly stream: boolean
  /** The text of the last message. */
  readonly prompt: string
  /** The request as it came over the wire. */
  readonly request: SeenRequest
  /** 1 for the first call that this upstream gets. */
  readonly number: number
}

export type ChatScript = (call: ChatCall, response: ServerResponse) => void | Promise<void>

export interface ChatUpstream extends AsyncDisposable {
  readonly calls: readonly ChatCall[]
  /** What follows calls from now on. */
  script: ChatScript
  baseUrlOf(deployment: string): string
  /** Resolves with the first call that `wanted` accepts, one that came before included. */
  callOf(wanted: (call: ChatCall) => boolean): Promise<ChatCall>
}

/** A real upstream on the loopback that keeps what it was sent, under one base URL per deployment. */
export async function startChatUpstream(script: ChatScript = echo): Promise<ChatUpstream> {
  const calls: ChatCall[] = []
  const waiting = new Set<() => void>()
  const server = await startUpstream((response, request) => {
    // A node looks for what it knows of servers; this one is none of those.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const call = readCall(request, calls.length + 1)
    calls.push(call)
    for (const look of waiting) look()
    return upstream.script(call, response)
  })
  const upstream: ChatUpstream = {
    calls,
    script,
    baseUrlOf: (deployment) => `${server.url}/${deployment}/v1`,
    callOf: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const call = calls.find(wanted)
          if (!call) return
          waiting.delete(look)
          resolve(call)
        }
        waiting.add(look)
        look()
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
  return upstream
}

function readCall(request: SeenRequest, number: number): ChatCall {
  const { stream = false, messages = [] } = JSON.parse(request.body) as {
    stream?: boolean
    messages?: { content: unknown }[]
  }
  const content = messages.at(-1)?.content
  const prompt = typeof content === 'string' ? content : JSON.stringify(content)
  return { deployment: request.path.split('/')[1] ?? '', stream, prompt, request, number }
}

const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }

/** Says what the last message says after `echo:`, or `ok`. */
export const echo: ChatScript = (call, response) => {
  const [, text = 'ok'] = /^echo:\s*([\s\S]*)$/.exec(call.prompt) ?? []
  return say(text)(call, response)
}

/** Says `text`, in one piece or as a stream of words cut where `cuts` has it, every few characters unless given. */
export function say(text: string, cuts: readonly string[] = text.match(/[\s\S]{1,3}/gu) ?? []): ChatScript {
  return (call, response) => {
    if (call.stream) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const content of cuts) response.write(chunkRecord({ content }))
      response.end(lastRecords())
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(completion(text))
  }
}

/** Refuses the first `times` calls with this status, then does what `then` does. */
export function refuse(status: number, options: { times?: number; then?: ChatScript } = {}): ChatScript {
  const { times = Number.POSITIVE_INFINITY, then = echo } = options
  let refused = 0
  return (call, response) => {
    if (refused >= times) return then(call, response)
    refused += 1
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end('{"error":{"message":"refused","type":"test","code":null,"param":null}}')
  }
}

/** Never answers. */
export const hang: ChatScript = () => {}

export function completion(content: string): string {
  return JSON.stringify({
    id: 'chatcmpl-test',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'upstream-model',
    choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop' }],
    usage,
  })
}

/** One record of a stream. */
export function chunkRecord(delta: object, finishReason: string | null = null): string {
  return `data: ${chunk([{ index: 0, delta, finish_reason: finishReason }])}\n\n`
}

/** How a whole stream ends: the finish reason, the usage, `[DONE]`. */
export function lastRecords(): string {
  return `${chunkRecord({}, 'stop')}data: ${chunk([], usage)}\n\ndata: [DONE]\n\n`
}

function chunk(choices: object[], counted?: object): string {
  return JSON.stringify({
    id: 'chatcmpl-test',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'upstream-model',
    choices,
    ...(counted && { usage: counted }),
  })
}
