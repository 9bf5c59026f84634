import type { FastifyInstance } from 'fastify'
import type { HttpDeps } from '../deps.ts'

export function registerHealthRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get('/health/live', { schema: { summary: 'The process runs' } }, () => ({ status: 'live' }))

  app.get('/health/ready', { schema: { summary: 'The process can take jobs: Redis answers' } }, async () => {
    await deps.checkReady()
    return { status: 'ready' }
  })

  app.get('/metrics', { schema: { summary: 'Prometheus metrics' } }, async (_request, reply) => {
    return reply.type('text/plain; version=0.0.4').send(await deps.metricsText())
  })
}
