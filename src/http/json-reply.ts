import type { FastifyReply } from 'fastify'

/** Sends JSON text as it is: results of megabytes are not parsed to be serialised again. */
export function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return reply.type('application/json').send(json)
}
