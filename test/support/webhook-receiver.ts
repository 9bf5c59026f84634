import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string
  /** The webhook ids that came for each job, with the number of deliveries of each. */
  readonly deliveries: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** What came with a wrong signature or without sense. */
  readonly refused: readonly string[]
}

/** Takes webhooks on the loopback, checks their signatures, and answers after a while, so that some are under way. */
export async function startWebhookReceiver(secret: string, answerAfterMs: () => number): Promise<WebhookReceiver> {
  const verifier = new Webhook(secret)
  const deliveries = new Map<string, Map<string, number>>()
  const refused: string[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece)
    try {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const event = verifier.verify(Buffer.concat(pieces).toString(), headers) as { id: string; data: { id: string } }
      if (event.id !== headers['webhook-id']) throw new Error('the id in the header is not that of the body')
      const ofJob = deliveries.get(event.data.id) ?? new Map<string, number>()
      deliveries.set(event.data.id, ofJob.set(event.id, (ofJob.get(event.id) ?? 0) + 1))
      await sleep(answerAfterMs())
      response.writeHead(204).end()
    } catch (error) {
      refused.push(String(error))
      response.writeHead(400).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    refused,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
