import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { BrokerError } from '../core/errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it was sent; jobs keep this text, so that it is serialised by nobody but its author. */
    bodyText: string
  }
}

/**
 * What prompts and tools need is below 20. The limit keeps every later walk over a body, whoever makes it, from running
 * out of stack; `JSON.parse` itself has no limit.
 */
const maxDepth = 100

/** Parses JSON bodies strictly: invalid UTF-8 is refused instead of turned into replacement characters. */
export function registerJsonBody(app: FastifyInstance): void {
  app.decorateRequest('bodyText', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    // Many clients say that they send JSON and then send nothing, where nothing is asked for.
    if (body.length === 0 && !request.routeOptions.schema?.body) return done(null)
    try {
      request.bodyText = readText(body)
      done(null, parse(request.bodyText))
    } catch (error) {
      done(error as BrokerError)
    }
  })
}

function readText(body: Buffer): string {
  if (body.length === 0) throw new BrokerError('invalid_json', 'The body is empty.')
  if (!isUtf8(body)) throw new BrokerError('invalid_json', 'The body is not valid UTF-8.')
  return body.toString('utf8')
}

/** @throws BrokerError `invalid_json` */
export function parse(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own message quotes the body.
    throw new BrokerError('invalid_json', 'The body is not valid JSON.')
  }
  if (isDeeperThan(value, maxDepth)) {
    throw new BrokerError('invalid_json', `The body has more than ${maxDepth} levels of lists and objects.`)
  }
  return value
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (isDeeperThan(item, levels - 1)) return true
  }
  return false
}
