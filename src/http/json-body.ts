import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { BrokerError } from '../core/errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it was sent; jobs keep this text, so that it is serialised by nobody but its author. */
    bodyText: string
  }
}

/** Parses JSON bodies strictly: invalid UTF-8 is refused instead of turned into replacement characters. */
export function registerJsonBody(app: FastifyInstance): void {
  app.decorateRequest('bodyText', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (!isUtf8(body)) {
      done(new BrokerError('invalid_json', 'The body is not valid UTF-8.'))
      return
    }
    const text = body.toString('utf8')
    try {
      const parsed: unknown = JSON.parse(text)
      request.bodyText = text
      done(null, parsed)
    } catch {
      // The parser's own message quotes the body.
      done(new BrokerError('invalid_json', 'The body is not valid JSON.'))
    }
  })
}
