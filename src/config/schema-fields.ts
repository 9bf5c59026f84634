import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { Secret } from './secret.ts'

/** What the HTTP of keys and headers can carry: visible ASCII, for header values blanks as well. */
const visibleAscii = /^[\x21-\x7e]+$/
const headerText = /^[\x20-\x7e]*$/

/** Text in, `Secret` out. `writeOnly` is JSON Schema's word for what is never shown; `config check` goes by it. */
function secretOf(text: z.ZodString) {
  return text.transform((value) => new Secret(value)).meta({ writeOnly: true })
}

export const apiKey = secretOf(
  z.string().regex(visibleAscii, { error: 'must be visible ASCII without blanks, as HTTP headers carry it' }),
)

export const headerValue = secretOf(z.string().regex(headerText, { error: 'must be ASCII on one line' }))

export const redisUrl = secretOf(
  z.string().refine((text) => /^\/[^/]/.test(text) || (/^rediss?:\/\//.test(text) && URL.parse(text)?.hostname), {
    error: 'must be a redis:// or rediss:// URL, or the absolute path of a Unix socket',
  }),
)

/** Standard Webhooks: `whsec_` and the base64 of 24 to 64 random bytes. */
export const webhookSecret = secretOf(
  z.string().refine(isWebhookSecret, { error: 'must be `whsec_` followed by the base64 of 24 to 64 bytes' }),
)

function isWebhookSecret(text: string): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  if (base64 === undefined) return false
  const bytes = Buffer.from(base64, 'base64')
  // Node decodes broken base64 without complaint; only what it would write itself means the same to every receiver.
  return bytes.toString('base64') === base64 && bytes.length >= 24 && bytes.length <= 64
}

/** An http(s) URL without user, password, query or fragment, and without a slash at its end: paths are appended. */
export const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .refine(hasNoExtras, { error: 'must have no user, password, query or fragment; put a key into api_key or headers' })
  .transform((url) => url.replace(/\/+$/, ''))

function hasNoExtras(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

export const cidr = z
  .string()
  .refine((text) => ipaddr.isValidCIDR(text), { error: 'must be a network such as "10.0.0.0/8" or "fd00::/8"' })

const poolName = z.string().regex(/^[a-z0-9-]{1,40}$/, { error: 'names of pools are 1 to 40 of a-z, 0-9 and "-"' })

const tenantName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, {
  error: 'names of tenants are 1 to 64 letters, digits, "-" and "_"',
})

/** Wide enough for what Ollama calls its models: `hf.co/someone/model:Q4_K_M`. */
const modelName = z.string().regex(/^[a-zA-Z0-9_][a-zA-Z0-9_.:/@+-]{0,199}$/, {
  error: 'names of models are 1 to 200 letters, digits and "_.:/@+-"',
})

const headerName = z.string().regex(/^[a-zA-Z0-9!#%&'*+.^_`|~-]{1,100}$/, {
  error: 'names of headers have no blanks, colons or other separators',
})

export const deploymentId = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/, {
  error: 'must be 1 to 100 letters, digits and "._-", and start with a letter or digit',
})

/** Without a prototype, a lookup by a name that a client sent (`constructor`) finds nothing that is not in the file. */
function withoutPrototype<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.assign(Object.create(null), record)
}

export function poolsOf<Schema extends z.ZodType>(value: Schema) {
  return z.record(poolName, value).refine(hasEntries, { error: 'needs at least one pool' }).transform(withoutPrototype)
}

export function modelsOf<Schema extends z.ZodType>(value: Schema) {
  return z
    .record(modelName, value)
    .refine(hasEntries, { error: 'needs at least one model' })
    .transform(withoutPrototype)
}

export function tenantsOf<Schema extends z.ZodType>(value: Schema) {
  return z.record(tenantName, value).transform(withoutPrototype)
}

export function headersOf<Schema extends z.ZodType>(value: Schema) {
  return z.record(headerName, value).transform(withoutPrototype)
}

function hasEntries(record: object): boolean {
  return Object.keys(record).length > 0
}
