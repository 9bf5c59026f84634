import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { mayUse } from '../../core/tenant.ts'
import type { HttpDeps } from '../deps.ts'
import { modelList, modelObject } from '../schemas.ts'

export function registerModelRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  const describeModel = (id: string) => ({
    id,
    object: 'model' as const,
    created: Math.floor(deps.startedAtMs / 1000),
    owned_by: 'sluice',
  })

  typed.get('/v1/models', { schema: { summary: 'Models of this key', response: { 200: modelList } } }, (request) => {
    const { tenant } = request
    return { object: 'list' as const, data: deps.modelNames.filter((name) => mayUse(tenant, name)).map(describeModel) }
  })

  const params = z.object({ id: z.string() })
  typed.get(
    '/v1/models/:id',
    { schema: { summary: 'One model', params, response: { 200: modelObject } } },
    (request) => {
      const { tenant } = request
      const { id } = request.params
      if (!deps.modelNames.includes(id) || !mayUse(tenant, id)) {
        throw new BrokerError('model_not_found', undefined, { param: 'id' })
      }
      return describeModel(id)
    },
  )
}
