import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that reached the upstream. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Which connection it came over. */
  readonly port: number
  /** Resolves when the exchange is over: whole, or because the caller hung up. */
  readonly closed: Promise<void>
}

export type Script = (response: ServerResponse, request: SeenRequest) => void | Promise<void>

export interface ScriptedUpstream extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly SeenRequest[]
  /** Resolves with the next request that arrives. */
  nextRequest(): Promise<SeenRequest>
}

/** A real HTTP server on a free port of the loopback that answers every request as the script says. */
export async function startUpstream(script: Script): Promise<ScriptedUpstream> {
  const requests: SeenRequest[] = []
  const waiting: ((request: SeenRequest) => void)[] = []
  const server = createServer(async (incoming, response) => {
    const pieces: Buffer[] = []
    for await (const piece of incoming) pieces.push(piece)
    const request: SeenRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(pieces).toString(),
      port: incoming.socket.remotePort ?? 0,
      closed: new Promise((resolve) => response.once('close', resolve)),
    }
    requests.push(request)
    for (const resolve of waiting.splice(0)) resolve(request)
    await script(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers in one piece. */
export function reply(status: number, headers: Record<string, string>, body: string | Buffer): Script {
  return (response) => {
    response.writeHead(status, headers).end(body)
  }
}

/** Lets the reader, which lives in this process, read what was written so far before the next is written. */
export async function letReaderRead(): Promise<void> {
  // The first ends this turn of the event loop, the second the turn in which the sockets were polled.
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}

/** Answers 200 in the given pieces, each sent on its own. */
export function replyInPieces(contentType: string, pieces: readonly (string | Buffer)[]): Script {
  return async (response) => {
    response.writeHead(200, { 'content-type': contentType })
    for (const piece of pieces) {
      response.write(piece)
      await letReaderRead()
    }
    response.end()
  }
}
