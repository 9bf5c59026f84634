import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Tenant } from '../core/tenant.ts'
import { authenticate } from './auth.ts'
import { refuseBrokenRequest } from './broken-request.ts'
import type { HttpDeps } from './deps.ts'
import { registerErrorHandler, routingErrorHandler } from './error-handler.ts'
import { registerJsonBody } from './json-body.ts'
import { registerOpenApi } from './openapi.ts'
import { registerAdminRoutes } from './routes/admin.ts'
import { registerAdminDeadLetterRoutes } from './routes/admin-dead-letters.ts'
import { registerBatchRoutes } from './routes/batches.ts'
import { registerChatRoutes } from './routes/chat-completions.ts'
import { registerEmbeddingsRoutes } from './routes/embeddings.ts'
import { registerFileRoutes } from './routes/files.ts'
import { registerHealthRoutes } from './routes/health.ts'
import { registerJobRoutes } from './routes/jobs.ts'
import { registerJobBulkRoute } from './routes/jobs-bulk.ts'
import { registerModelRoutes } from './routes/models.ts'
import { registerNodeRoutes } from './routes/nodes.ts'
import { registerReplayRoutes } from './routes/replay.ts'
import { registerResponseRoutes } from './routes/responses.ts'
import { registerWebhookRoutes } from './routes/webhooks.ts'
import { compileValidator } from './validation.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key the request came with. Set for every path below `/v1/`. */
    tenant: Tenant
    /** W3C trace context of the caller. */
    traceparent: string | undefined
  }
}

/** The HTTP API: every plugin and every group of routes, in the order in which they apply. */
export async function buildApp(deps: HttpDeps, version: string): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: deps.maxBodyBytes,
    genReqId: () => `req_${randomUUID()}`,
    // A slow upload must not hold a socket for ever; answers may take as long as they do. Whoever may upload has shown a
    // key, and a bulk of jobs is as slow as its jobs are taken in.
    requestTimeout: 600_000,
    // Whoever waits for an answer while the process stops still gets it.
    forceCloseConnections: 'idle',
    // A name that is too long to exist gets the answer of one that does not exist; Node's limit on headers is above it.
    routerOptions: { maxParamLength: 16_384 },
    frameworkErrors: routingErrorHandler(deps.log),
    clientErrorHandler: refuseBrokenRequest,
  })
  app.setValidatorCompiler(compileValidator)
  // Answers are built by our own code from our own types; tests check them against the documented schemas.
  app.setSerializerCompiler(() => JSON.stringify)
  registerErrorHandler(app, deps.log)
  registerJsonBody(app)
  registerRequestFacts(app, deps)
  registerAuthentication(app, deps)
  await registerOpenApi(app, version)
  registerHealthRoutes(app, deps)
  registerModelRoutes(app, deps)
  registerChatRoutes(app, deps)
  registerEmbeddingsRoutes(app, deps)
  registerResponseRoutes(app, deps)
  registerJobRoutes(app, deps)
  registerJobBulkRoute(app, deps)
  registerReplayRoutes(app, deps)
  await registerFileRoutes(app, deps.batches)
  registerBatchRoutes(app, deps.batches)
  registerWebhookRoutes(app, deps.webhooks)
  registerAdminRoutes(app, deps.admin)
  if (deps.nodes) registerNodeRoutes(app, deps.nodes)
  if (deps.admin.adminKey) registerAdminDeadLetterRoutes(app, deps.deadLetters)
  return app
}

/**
 * The key is checked before a body of megabytes is read, and by the route that will answer: the same route is reached
 * by `/%761/jobs` and by `http://host/v1/jobs`.
 */
function registerAuthentication(app: FastifyInstance, deps: HttpDeps): void {
  app.decorateRequest('tenant', null as unknown as Tenant)
  app.addHook('onRequest', (request, _reply, done) => {
    const path = request.routeOptions.url ?? request.url
    if (path.startsWith('/v1/')) request.tenant = authenticate(request, deps.keyRing)
    done()
  })
}

function registerRequestFacts(app: FastifyInstance, deps: HttpDeps): void {
  app.decorateRequest('traceparent', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    request.traceparent = traceparentOf(request)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    deps.telemetry.metrics.httpRequest(reply.elapsedTime, {
      route: request.routeOptions.url ?? 'unknown',
      method: request.method,
      status: reply.statusCode,
    })
    done()
  })
}

function traceparentOf(request: FastifyRequest): string | undefined {
  const header = request.headers.traceparent
  return typeof header === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : undefined
}
