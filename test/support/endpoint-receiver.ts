import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface ReceivedWebhook {
  readonly headers: Record<string, string>
  readonly body: string
  readonly event: { readonly id: string; readonly type: string; readonly data: Record<string, unknown> }
}

export interface EndpointReceiver extends AsyncDisposable {
  readonly url: string
  readonly received: ReceivedWebhook[]
  /** How it answers, from now on; `id` is the webhook's. */
  answer: (response: ServerResponse, id: string) => void
}

/** Takes webhooks on the loopback and keeps them; 204 unless a test says otherwise. */
export async function startEndpointReceiver(host = '127.0.0.1', port = 0): Promise<EndpointReceiver> {
  const received: ReceivedWebhook[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const headers = plain(request.headers)
    received.push({ headers, body, event: JSON.parse(body) })
    receiver.answer(response, headers['webhook-id'] ?? '')
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  const receiver: EndpointReceiver = {
    url: `http://${host}:${(server.address() as AddressInfo).port}/hooks`,
    received,
    answer: (response) => void response.writeHead(204).end(),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return receiver
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
