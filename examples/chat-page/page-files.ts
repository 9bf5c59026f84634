import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { visitorOf } from './visitor.ts'

const script = 'text/javascript; charset=utf-8'
const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/chat.css': ['chat.css', 'text/css; charset=utf-8'],
  '/chat.js': ['chat.js', script],
  '/api.js': ['api.js', script],
  '/conversation.js': ['conversation.js', script],
  '/answer-stream.js': ['answer-stream.js', script],
  '/answer-text.js': ['answer-text.js', script],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
}

/** Nothing from elsewhere, nothing inline, in nobody's frame: what a model writes can do nothing even if it got in. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  // No cache keeps an answer, and the page is never older than its server.
  'cache-control': 'no-store, no-transform',
}

/** Serves the page, and gives every answer of this server the headers that protect it. */
export function registerPage(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => void reply.headers(securityHeaders))
  for (const [url, [file, type]] of Object.entries(files)) {
    app.get(url, async (request, reply) => {
      // With the page and not with the first answer, which may be lost and asked for again.
      if (url === '/') visitorOf(request, reply)
      return reply.type(type).send(await readFile(new URL(`page/${file}`, import.meta.url)))
    })
  }
}
