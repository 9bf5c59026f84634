import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createSocketServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { nextDeliveryDelayMs } from '../../src/core/webhook-schedule.ts'
import { deliveryErrors } from '../../src/delivery/delivery-error-code.ts'
import { createUrlGuard } from '../../src/delivery/url-guard.ts'
import { createWebhookSender, type WebhookDelivery } from '../../src/delivery/webhook-sender.ts'

const secret = `whsec_${Buffer.from('a key of thirty-two bytes, padded').toString('base64')}`
const event = {
  id: 'evt_1',
  object: 'event',
  type: 'job.completed',
  created_at: 1,
  data: { id: 'job_1', note: 'größer' },
}

function delivery(url: string, changes: Partial<WebhookDelivery> = {}): WebhookDelivery {
  const { id, type } = event
  return { url, secrets: [secret], id, type, body: JSON.stringify(event), timestamp: new Date(), ...changes }
}

async function listen(server: Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}

type Received = {
  headers: IncomingMessage['headers']
  method: string | undefined
  path: string | undefined
  body: string
}

/** A receiver that keeps what it gets and answers as told. */
async function startReceiver(answer: (response: ServerResponse) => void = (response) => void response.end()) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { headers, method, url: path } = request
    received.push({ headers, method, path, body: await text(request) })
    answer(response)
  })
  const { port } = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/hooks?tenant=acme`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function createTestSender(timeouts?: { connectMs: number; totalMs: number }) {
  const guard = createUrlGuard({ allowNetworks: ['127.0.0.0/8', '::1/128'], allowHttp: true })
  const sender = createWebhookSender({ guard, userAgent: 'Sluice-Test/1', ...(timeouts ? { timeouts } : {}) })
  return { send: sender.send, [Symbol.asyncDispose]: () => sender.close() }
}

function onlyRequest(received: readonly Received[]) {
  expect(received).toHaveLength(1)
  const [first] = received
  if (first === undefined) throw new Error('Nothing was received')
  return { ...first, headers: first.headers as Record<string, string> }
}

describe('a delivered webhook', () => {
  it('carries the headers of Standard Webhooks and the body byte for byte', async () => {
    await using receiver = await startReceiver((response) => void response.writeHead(204).end())
    await using sender = createTestSender()
    const timestamp = new Date(1_700_000_000_999)
    const result = await sender.send(delivery(receiver.url, { timestamp }))
    expect(result).toEqual({
      outcome: 'delivered',
      status: 204,
      durationMs: expect.any(Number),
      response: '',
      retryAfterMs: null,
    })
    const { method, path, headers, body } = onlyRequest(receiver.received)
    expect({ method, path, body }).toEqual({ method: 'POST', path: '/hooks?tenant=acme', body: JSON.stringify(event) })
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Sluice-Test/1',
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
      'x-sluice-event': 'job.completed',
    })
  })

  it('is verified by the standardwebhooks library, and by no other secret', async () => {
    await using receiver = await startReceiver()
    await using sender = createTestSender()
    await sender.send(delivery(receiver.url))
    const { body, headers } = onlyRequest(receiver.received)
    expect(new Webhook(secret).verify(body, headers)).toEqual(event)
    expect(() => new Webhook(`whsec_${btoa('another key')}`).verify(body, headers)).toThrow('No matching signature')
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow('No matching signature')
  })

  it("is unwrapped by the openai client's webhooks.unwrap", async () => {
    await using receiver = await startReceiver()
    await using sender = createTestSender()
    await sender.send(delivery(receiver.url))
    const { body, headers } = onlyRequest(receiver.received)
    const client = new OpenAI({ apiKey: 'unused', webhookSecret: secret })
    expect(await client.webhooks.unwrap(body, headers)).toEqual(event)
  })

  it('is signed anew with the time of each attempt, under the same id', async () => {
    await using receiver = await startReceiver()
    await using sender = createTestSender()
    const nowMs = Date.now()
    await sender.send(delivery(receiver.url, { timestamp: new Date(nowMs - 60_000) }))
    await sender.send(delivery(receiver.url, { timestamp: new Date(nowMs) }))
    const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
    const signatures = receiver.received.map(({ headers }) => headers['webhook-signature'])
    expect(ids).toEqual(['evt_1', 'evt_1'])
    expect(new Set(signatures).size).toBe(2)
  })

  it('counts as delivered although the body after its 200 is endless', async () => {
    await using receiver = await startReceiver((response) => {
      response.writeHead(200)
      const pour = () => {
        while (response.writable && response.write(Buffer.alloc(16_384)));
      }
      response.on('drain', pour)
      pour()
    })
    await using sender = createTestSender()
    expect(await sender.send(delivery(receiver.url))).toMatchObject({ outcome: 'delivered', status: 200 })
  })

  it('counts as delivered although the body after its 200 never comes', async () => {
    await using receiver = await startReceiver((response) => response.writeHead(200).flushHeaders())
    await using sender = createTestSender({ connectMs: 5_000, totalMs: 100 })
    expect(await sender.send(delivery(receiver.url))).toMatchObject({ outcome: 'delivered', status: 200 })
  })
})

describe('a webhook that fails', () => {
  it.each([400, 404, 410, 429, 500, 503])('reports the status %i', async (status) => {
    await using receiver = await startReceiver((response) => void response.writeHead(status).end('no'))
    await using sender = createTestSender()
    expect(await sender.send(delivery(receiver.url))).toMatchObject({ outcome: 'failed', status, error: 'http_status' })
  })

  it.each([301, 302, 303, 307, 308])('does not follow a %i', async (status) => {
    await using target = await startReceiver()
    await using receiver = await startReceiver((response) => {
      response.writeHead(status, { location: target.url }).end()
    })
    await using sender = createTestSender()
    expect(await sender.send(delivery(receiver.url))).toMatchObject({ outcome: 'failed', status, error: 'redirected' })
    expect(target.received).toEqual([])
  })

  it('times out when no answer comes', async () => {
    await using receiver = await startReceiver(() => {})
    await using sender = createTestSender({ connectMs: 5_000, totalMs: 100 })
    expect(await sender.send(delivery(receiver.url))).toMatchObject({ status: null, error: 'timeout' })
  })

  it.each([
    ['the URL is private', 'https://10.0.0.1/', 'url_address'],
    ['the URL holds a password', 'http://a:b@127.0.0.1/', 'url_credentials'],
    ['the name does not exist', 'http://receiver.invalid:8080/', 'dns_failed'],
  ])('says so when %s', async (_why, url, error) => {
    await using sender = createTestSender()
    expect(await sender.send(delivery(url))).toMatchObject({ outcome: 'failed', status: null, error })
  })

  it('says so when nobody listens', async () => {
    const gone = await startReceiver()
    await gone[Symbol.asyncDispose]()
    await using sender = createTestSender()
    expect(await sender.send(delivery(gone.url))).toMatchObject({ status: null, error: 'connection_failed' })
  })

  it.each([
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 'invalid_response'],
    ['has headers without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(70_000)}\r\n`, 'invalid_response'],
    ['is nothing at all', '', 'connection_failed'],
  ])('says so when the answer %s', async (_why, answer, error) => {
    const server = createSocketServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    await using receiver = await listen(server)
    await using sender = createTestSender()
    const result = await sender.send(delivery(`http://127.0.0.1:${receiver.port}/`))
    expect(result).toMatchObject({ outcome: 'failed', status: null, error })
  })

  it.each(['', 'whsec_', 'whsec_no base64', 'plain text'])('does not sign with the secret %j', async (badSecret) => {
    await using receiver = await startReceiver()
    await using sender = createTestSender()
    const result = await sender.send(delivery(receiver.url, { secrets: [badSecret] }))
    expect(result).toMatchObject({ outcome: 'failed', error: 'invalid_secret' })
    expect(receiver.received).toEqual([])
  })
})

const openssl = 'openssl'
const hasOpenssl = spawnSync(openssl, ['version']).status === 0

/** A key and a self-signed certificate for `localhost`, made by the machine's openssl. */
function createCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
  const keyFile = join(folder, 'key.pem')
  const certificateFile = join(folder, 'certificate.pem')
  const files = ['-keyout', keyFile, '-out', certificateFile]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-nodes']
  execFileSync(openssl, ['req', '-x509', '-newkey', 'rsa:2048', ...files, ...subject], { stdio: 'ignore' })
  const certificate = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certificateFile, 'utf8') }
  rmSync(folder, { recursive: true })
  return certificate
}

describe.skipIf(!hasOpenssl)('a webhook over https', () => {
  const answer: RequestListener = (_request, response) => void response.end()

  it('is not sent to a certificate that nobody vouches for', async () => {
    await using receiver = await listen(createSecureServer(createCertificate(), answer))
    await using sender = createTestSender()
    const result = await sender.send(delivery(`https://localhost:${receiver.port}/`))
    expect(result).toMatchObject({ outcome: 'failed', status: null, error: 'tls_failed' })
  })

  it("holds the certificate against the URL's name, not against the address that the guard chose", async () => {
    const certificate = createCertificate()
    const known = getCACertificates('default')
    setDefaultCACertificates([...known, certificate.cert])
    try {
      await using receiver = await listen(createSecureServer(certificate, answer))
      await using sender = createTestSender()
      const named = await sender.send(delivery(`https://localhost:${receiver.port}/`))
      const addressed = await sender.send(delivery(`https://127.0.0.1:${receiver.port}/`))
      expect(named).toMatchObject({ outcome: 'delivered', status: 200 })
      expect(addressed).toMatchObject({ outcome: 'failed', error: 'tls_failed' })
    } finally {
      setDefaultCACertificates(known)
    }
  })
})

describe('the delivery schedule', () => {
  const middle = 0.5

  it('makes the first attempt at once and gives up after the tenth, about three days later', () => {
    const delays = Array.from({ length: 11 }, (_, attempt) => nextDeliveryDelayMs(attempt, middle))
    const [s, m, h] = [1_000, 60_000, 3_600_000]
    expect(delays).toEqual([0, 5 * s, 5 * m, 30 * m, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h, null])
  })

  it('spreads each wait by a tenth to either side', () => {
    expect(nextDeliveryDelayMs(1, 0)).toBe(4_500)
    expect(nextDeliveryDelayMs(1, 1)).toBe(5_500)
    expect(nextDeliveryDelayMs(0, 1)).toBe(0)
  })
})

describe('docs/telemetry.md', () => {
  it('lists every reason for which a delivery fails, and no other', () => {
    const section = readFileSync('docs/telemetry.md', 'utf8').split('### Outcomes of a webhook attempt')[1] ?? ''
    const rows = section.split('\n## ')[0]?.match(/^\| `.*?\|/gm) ?? []
    const listed = rows.flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, code]) => code))
    expect(listed.sort()).toEqual(Object.keys(deliveryErrors).sort())
  })
})
