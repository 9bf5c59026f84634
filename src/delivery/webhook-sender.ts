import { Webhook } from 'standardwebhooks'
import { Agent, type Dispatcher, request } from 'undici'
import { type DeliveryErrorCode, deliveryErrorCode } from './delivery-error-code.ts'
import { readBeginning, retryAfterOf } from './receiver-answer.ts'
import type { UrlGuard } from './url-guard.ts'

/** `totalMs` runs to the last byte that is read: a receiver that needs longer should answer first and then work. */
const defaultTimeouts = { connectMs: 5_000, totalMs: 15_000 }

export interface WebhookDelivery {
  readonly url: string
  /** Each `whsec_` and the key in base64. All of them sign: while one replaces another, receivers have either. */
  readonly secrets: readonly string[]
  /** The event's id, the same for every attempt: receivers drop what they have seen by it. */
  readonly id: string
  /** The event's type, sent as `x-sluice-event` for receivers that route by header. It is not signed; the body is. */
  readonly type: string
  readonly body: string
  /** The time of this attempt. Receivers refuse what is more than five minutes away from their clock. */
  readonly timestamp: Date
}

interface DeliveryAttempt {
  readonly outcome: 'delivered' | 'failed'
  /** What the receiver answered, or null where it did not. */
  readonly status: number | null
  readonly durationMs: number
  /** Why it failed: a code of our own, never a text that the receiver chose. */
  readonly error?: DeliveryErrorCode
  /** The first kilobyte of the answer's body, for the tenant whose endpoint it is; null where there was no answer. */
  readonly response: string | null
  /** How long the receiver asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | null
}

export interface WebhookSender {
  /** Makes one attempt. Never rejects: whatever goes wrong is the outcome. Only a 2xx answer counts as delivered. */
  send(delivery: WebhookDelivery): Promise<DeliveryAttempt>
  /** Waits for attempts under way, then closes idle connections. */
  close(): Promise<void>
}

/** Sends webhooks as the Standard Webhooks specification has it, to where the guard lets them go. */
export function createWebhookSender(options: {
  guard: UrlGuard
  userAgent: string
  timeouts?: { readonly connectMs: number; readonly totalMs: number }
}): WebhookSender {
  const { guard, userAgent, timeouts = defaultTimeouts } = options
  const dispatcher = new Agent({ connect: guard.connector({ timeoutMs: timeouts.connectMs }) })
  return {
    async send(delivery) {
      const startedMs = performance.now()
      const answer = await attempt(delivery, { guard, userAgent, dispatcher, timeoutMs: timeouts.totalMs })
      return { ...answer, durationMs: performance.now() - startedMs }
    },
    close: () => dispatcher.close(),
  }
}

async function attempt(
  delivery: WebhookDelivery,
  through: { guard: UrlGuard; userAgent: string; dispatcher: Dispatcher; timeoutMs: number },
): Promise<Omit<DeliveryAttempt, 'durationMs'>> {
  const signature = sign(delivery)
  if (signature === undefined) return noAnswer('invalid_secret')
  try {
    through.guard.check(delivery.url)
    const response = await request(delivery.url, {
      method: 'POST',
      dispatcher: through.dispatcher,
      signal: AbortSignal.timeout(through.timeoutMs),
      headers: {
        'content-type': 'application/json',
        'user-agent': through.userAgent,
        'webhook-id': delivery.id,
        'webhook-timestamp': String(Math.floor(delivery.timestamp.getTime() / 1000)),
        'webhook-signature': signature,
        'x-sluice-event': delivery.type,
      },
      body: delivery.body,
    })
    // The status has decided: a body that breaks off, never comes or never ends changes nothing.
    const beginning = await readBeginning(response.body)
    const retryAfterMs = retryAfterOf(response.headers['retry-after'], Date.now())
    return { ...judge(response.statusCode), response: beginning, retryAfterMs }
  } catch (error) {
    return noAnswer(deliveryErrorCode(error))
  }
}

function noAnswer(error: DeliveryErrorCode): Omit<DeliveryAttempt, 'durationMs'> {
  return { outcome: 'failed', status: null, error, response: null, retryAfterMs: null }
}

/** Undefined for a secret that is not `whsec_` and base64: libraries disagree on how to read any other. */
function sign({ secrets, id, timestamp, body }: WebhookDelivery): string | undefined {
  if (secrets.length === 0 || !secrets.every((secret) => secret.startsWith('whsec_'))) return undefined
  try {
    return secrets.map((secret) => new Webhook(secret).sign(id, timestamp, body)).join(' ')
  } catch {
    return undefined
  }
}

function judge(status: number): Pick<DeliveryAttempt, 'outcome' | 'status' | 'error'> {
  if (status >= 200 && status < 300) return { outcome: 'delivered', status }
  // Following a redirect would take the signed body to an address that nobody registered.
  return { outcome: 'failed', status, error: status < 400 ? 'redirected' : 'http_status' }
}
