import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that a client sent, and what it was answered. */
export interface FrontCall {
  readonly status: number
  readonly job: string | undefined
}

/** A reverse proxy that knows whose requests pass, and can lose their connections. */
export interface Front extends AsyncDisposable {
  /** A base URL of its own for somebody. */
  baseUrlOf(name: string): string
  /** The requests of somebody that were answered, oldest first. */
  callsOf(name: string): readonly FrontCall[]
  /** How many requests of somebody have not been answered whole. */
  waitingFor(name: string): number
  /** Breaks the connections of requests that have not been answered whole. */
  cut(name: string): void
}

/** Clients are told to try again soon, so that a test need not wait as long as they would. */
function hurry(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return { ...headers, ...(headers['retry-after'] !== undefined && { 'retry-after': '0' }), 'retry-after-ms': '10' }
}

/** Stands before a server. `baseUrlOf` is a prefix that is taken off before a request goes on. */
export async function startFront(targetUrl: string): Promise<Front> {
  const calls = new Map<string, FrontCall[]>()
  const waiting = new Map<string, Set<() => void>>()
  const agent = new Agent({ keepAlive: true })
  const pass = (incoming: IncomingMessage, response: ServerResponse) => {
    const [, name = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(incoming.url ?? '') ?? []
    const { method, headers } = incoming
    const asked = request(targetUrl + rest, { method, headers, agent })
    const drop = () => {
      asked.destroy()
      incoming.socket.destroy()
    }
    waiting.set(name, (waiting.get(name) ?? new Set()).add(drop))
    asked.on('response', (answer) => {
      const { statusCode: status = 0, headers } = answer
      const job = headers['x-sluice-job-id']
      calls.set(name, [...(calls.get(name) ?? []), { status, job: Array.isArray(job) ? job[0] : job }])
      response.writeHead(status, status < 400 ? headers : hurry(headers))
      answer.pipe(response)
    })
    asked.on('error', () => {
      // A server may answer, and hang up, before it has been sent everything.
      if (!response.headersSent) incoming.socket.destroy()
    })
    response.on('close', () => {
      waiting.get(name)?.delete(drop)
      asked.destroy()
      // What was answered before it was sent whole is in the way of the next request.
      incoming.unpipe(asked).resume()
    })
    incoming.pipe(asked)
  }
  const server = createServer(pass)
  // A connection that is closed while a client sends over it would be an attempt that nobody has seen.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    baseUrlOf: (name) => `${url}/${name}/v1`,
    callsOf: (name) => calls.get(name) ?? [],
    waitingFor: (name) => waiting.get(name)?.size ?? 0,
    cut(name) {
      for (const drop of waiting.get(name) ?? []) drop()
      waiting.delete(name)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
}
