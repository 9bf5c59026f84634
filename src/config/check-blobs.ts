/** What the keys of the bucket of files must agree on, and what is worth saying of it. */
import { z } from 'zod'
import type { Finding } from './problems.ts'
import type { Config } from './schema.ts'

const outline = z.object({
  blobs: z.object({
    s3: z.object({
      access_key_id: z.unknown().optional(),
      secret_access_key: z.unknown().optional(),
      session_token: z.unknown().optional(),
    }),
  }),
})
const path = ['blobs', 's3'] as const

/** `value` may be anything; the schema judges its shape. */
export function checkBlobs(value: unknown): Finding[] {
  const s3 = outline.safeParse(value).data?.blobs.s3
  if (!s3) return []
  const { access_key_id: id, secret_access_key: secret, session_token: token } = s3
  if ((id === undefined) !== (secret === undefined)) {
    const [missing, given] =
      id === undefined ? ['access_key_id', 'secret_access_key'] : ['secret_access_key', 'access_key_id']
    return [{ path: [...path, given], message: `needs ${missing} beside it` }]
  }
  if (token !== undefined && id === undefined) {
    return [{ path: [...path, 'session_token'], message: 'needs access_key_id and secret_access_key beside it' }]
  }
  return []
}

/** Content is sealed, but whoever listens sees which files come and go, and may replay requests. */
export function findOpenBucket({ blobs: { s3 } }: Config): Finding[] {
  const url = s3?.endpoint === undefined ? null : URL.parse(s3.endpoint)
  if (url?.protocol !== 'http:' || /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) return []
  const message = 'is http://: names of files and signed requests pass where others may read them'
  return [{ path: [...path, 'endpoint'], message }]
}
