import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance, FastifyReply, RouteShorthandOptionsWithHandler } from 'fastify'
import type { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import type { NodeIdentity } from '../../core/node-pass.ts'
import type { NodeHandlers } from '../../pipeline/serve-node.ts'
import { type CallAnswer, type CallRequest, configAnswer, type NodeCall, nodeCalls } from '../../protocol/node-calls.ts'
import { authenticateNode, type NodeTokens } from '../node-tokens.ts'
import { errorBody } from '../schemas.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Which node calls. Set for every path below `/node/`. */
    caller: NodeIdentity
  }
}

/** What nodes that work over HTTPS are served with. */
export interface NodeDeps {
  readonly tokens: NodeTokens
  readonly handlers: NodeHandlers
  /** What a node without a configuration of its own is told: its pool's deployments, without any key. */
  readonly configOf: (pool: string) => Omit<z.output<typeof configAnswer>, 'pool'>
  /** False while Redis is away: what can't be done is refused at once, and the node tries again. */
  readonly isReady: () => boolean
}

/** What a provider may answer at most, and JSON text inside of JSON takes up to twice its length. */
const longBodyBytes = 2 * 64 * 1024 * 1024 + 1024 * 1024
const shortBodyBytes = 4 * 1024 * 1024
const longCalls: ReadonlySet<NodeCall> = new Set(['append', 'end'])

const failures = {
  ...{ 400: errorBody, 401: errorBody, 403: errorBody, 409: errorBody, 413: errorBody, 503: errorBody },
}

/** `/node/v1/…`: the broker's side of nodes that have no Redis. */
export function registerNodeRoutes(app: FastifyInstance, deps: NodeDeps): void {
  app.decorateRequest('caller', null as unknown as NodeIdentity)
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.url?.startsWith('/node/')) {
      request.caller = authenticateNode(request, deps.tokens)
      if (!deps.isReady()) throw new BrokerError('redis_unavailable')
    }
    done()
  })
  app.withTypeProvider<ZodTypeProvider>().get(
    '/node/v1/config',
    {
      schema: {
        summary: 'What a node without a configuration of its own works with',
        response: { 200: configAnswer, ...failures },
      },
    },
    async ({ caller }) => ({ pool: caller.pool, ...deps.configOf(caller.pool) }),
  )
  registerLeases(app, deps.handlers)
  registerAttempts(app, deps.handlers)
  registerGates(app, deps.handlers)
}

function registerLeases(app: FastifyInstance, handlers: NodeHandlers): void {
  app.post('/node/v1/claim', serve('claim', 'Takes jobs of the node’s pool under a lease; waits for some', handlers))
  app.post('/node/v1/renew', serve('renew', 'Keeps leases, and says which are lost', handlers))
  app.post('/node/v1/complete', serve('complete', 'Ends leases whose work is done', handlers))
  app.post('/node/v1/release', serve('release', 'Gives leases back: another node has the jobs at once', handlers))
  app.post('/node/v1/stops', serve('stops', 'Waits for jobs that the node must stop working on', handlers))
  app.post('/node/v1/hand-over', serve('hand-over', 'Adds a job to the lane where it belongs by now', handlers))
}

function registerAttempts(app: FastifyInstance, handlers: NodeHandlers): void {
  app.post('/node/v1/start', serve('start', 'Begins an attempt at a job that the node holds', handlers))
  app.post('/node/v1/append', serve('append', 'Writes what a model says, as it comes', handlers))
  app.post('/node/v1/retry', serve('retry', 'Ends an attempt that failed, for another one', handlers))
  app.post('/node/v1/end', serve('end', 'Ends a job', handlers))
  app.post('/node/v1/move-on', serve('move-on', 'Hands a job to another candidate without an attempt', handlers))
  app.post('/node/v1/park', serve('park', 'Lets a job wait for a deployment', handlers))
}

function registerGates(app: FastifyInstance, handlers: NodeHandlers): void {
  app.post('/node/v1/peek', serve('peek', 'How the gates of deployments stand', handlers))
  app.post('/node/v1/wake', serve('wake', 'Wakes jobs that wait for a deployment', handlers))
  app.post('/node/v1/report', serve('report', 'Tells of the node', handlers))
  app.post('/node/v1/leave', serve('leave', 'Takes the node out of the list', handlers))
}

function serve<Call extends NodeCall>(
  call: Call,
  summary: string,
  handlers: NodeHandlers,
): RouteShorthandOptionsWithHandler {
  const { request: body, answer } = nodeCalls[call]
  return {
    bodyLimit: longCalls.has(call) ? longBodyBytes : shortBodyBytes,
    schema: { summary, body, response: { 200: answer, ...failures } },
    async handler(request, reply) {
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      // Validated by the schema above.
      const result = await handlers[call](request.caller, request.body as CallRequest<Call>, gone.signal)
      if (call === 'claim') handBackUndelivered(reply, request.caller, result as CallAnswer<'claim'>, handlers)
      return result
    },
  }
}

/** An answer that could not be sent takes its entries along: without this they would wait for the end of their leases. */
function handBackUndelivered(
  reply: FastifyReply,
  caller: NodeIdentity,
  { entries }: CallAnswer<'claim'>,
  handlers: NodeHandlers,
): void {
  if (entries.length === 0) return
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) return
    const leases = entries.map(({ lease }) => lease)
    handlers.release(caller, { leases }, AbortSignal.abort()).catch(() => undefined)
  })
}
