/**
 * The upstream that every system under test calls: a process of its own that speaks OpenAI's chat-completions wire
 * format with one fixed answer and no delay, so that what is measured is the way there and back. Its counters let the
 * runner check that each answer was really fetched here, and whether an e-mail address arrived unmasked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { emailMarker } from './prompts.ts'

export interface UpstreamCounters {
  readonly requests: number
  /** Requests whose body held the prompt's e-mail address as the client wrote it. */
  readonly unmasked: number
}

const completion = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'bench-upstream',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Three workers timed out on the database; retries succeeded.' },
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 300, completion_tokens: 20, total_tokens: 320 },
  }),
)

const chunks = buildChunks(
  'Three workers timed out on the database while its pool was full ; all of the retries succeeded .',
)
const streamMarker = Buffer.from('"stream":true')
const emailBytes = Buffer.from(emailMarker)
const counters = { requests: 0, unmasked: 0 }

/** One role chunk, one chunk per word, one with the finish reason, one with the usage, then `[DONE]`. */
function buildChunks(sentence: string): readonly Buffer[] {
  const head = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'bench-upstream',
  }
  const piece = (delta: object, finishReason: 'stop' | null) => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
  const words = sentence.split(' ').map((word) => piece({ content: `${word} ` }, null))
  const usage = { ...head, choices: [], usage: { prompt_tokens: 300, completion_tokens: 20, total_tokens: 320 } }
  const all = [piece({ role: 'assistant', content: '' }, null), ...words, piece({}, 'stop'), usage]
  return [...all.map((chunk) => Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)), Buffer.from('data: [DONE]\n\n')]
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(counters))
    return
  }
  counters.requests += 1
  if (body.includes(emailBytes)) counters.unmasked += 1
  if (body.includes(streamMarker)) sendChunks(response)
  else {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': completion.length })
    response.end(completion)
  }
}

/** One write per turn of the event loop: pieces travel one by one, as a model's would, and cost no waiting. */
function sendChunks(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let next = 0
  const sendOne = () => {
    if (response.destroyed) return
    response.write(chunks[next++])
    if (next < chunks.length) setImmediate(sendOne)
    else response.end()
  }
  sendOne()
}

const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => answer(request, response, parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)))
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
// The runner is gone: nobody is left to stop this process.
process.on('disconnect', () => process.exit(0))
