import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Sends each request to the next of several servers, as a load balancer without sticky sessions does. */
export interface RoundRobin extends AsyncDisposable {
  readonly url: string
  /** The requests so far, and which of the servers got each. */
  readonly seen: readonly { readonly target: string; readonly path: string }[]
  /** Sends no request to this server any more. */
  leaveOut(target: string): void
}

export async function startRoundRobin(targets: readonly string[]): Promise<RoundRobin> {
  const seen: { target: string; path: string }[] = []
  const leftOut = new Set<string>()
  let turn = 0
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    const open = targets.filter((target) => !leftOut.has(target))
    const target = open[turn++ % open.length]
    if (target === undefined) return void response.writeHead(502).end()
    seen.push({ target, path: request.url ?? '' })
    const { method, headers } = request
    const upstream = httpRequest(target + request.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  }
  const server = createServer(forward)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    leaveOut: (target) => void leftOut.add(target),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
