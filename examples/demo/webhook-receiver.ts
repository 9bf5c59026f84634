import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

export interface ReceivedWebhook {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string
  /** Resolves with the first webhook. */
  next(signal: AbortSignal): Promise<ReceivedWebhook>
}

/** What an application has: a small HTTP server that takes POSTs and answers 204. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const { promise, resolve } = Promise.withResolvers<ReceivedWebhook>()
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        resolve({ headers: webhookHeaders(request), body })
        response.writeHead(204).end()
      },
      () => response.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks/sluice`,
    next: (signal) =>
      Promise.race([
        promise,
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('No webhook came in time.')), { once: true })
        }),
      ]),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Whether the Standard Webhooks library takes it as signed with this secret. */
export function isGenuine(secret: string, { headers, body }: ReceivedWebhook): boolean {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}

function webhookHeaders({ headers }: IncomingMessage): Record<string, string> {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
  return Object.fromEntries(names.map((name) => [name, String(headers[name] ?? '')]))
}
