import { createHash, randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Whose request it is: the hash of a random cookie, which every visitor is given. Only the hash is written down, so
 * whoever reads jobs cannot become their visitor. With a login of your own, return the user's id instead.
 */
export function visitorOf(request: FastifyRequest, reply: FastifyReply): string {
  const isSecure = request.protocol === 'https'
  // Browsers take a cookie of such a name over https only, and from this host only: a neighbouring host cannot plant one.
  const name = isSecure ? '__Host-visitor' : 'visitor'
  const known = new RegExp(`(?:^|;\\s*)${name}=([\\w-]{43})(?:;|$)`).exec(request.headers.cookie ?? '')?.[1]
  const secret = known ?? randomBytes(32).toString('base64url')
  if (known === undefined) {
    // Strict: no other site can have a visitor's browser ask, stop or read.
    reply.header('set-cookie', `${name}=${secret}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`)
  }
  return createHash('sha256').update(secret).digest('base64url')
}
