import swagger from '@fastify/swagger'
import { jsonSchemaTransform, jsonSchemaTransformObject } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { jobHeadersSchema } from './request-headers.ts'

/** Serves `/openapi.json`, generated from the schemas that validate. Register before the routes. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sluice', version, description: 'Self-hosted asynchronous inference broker.' },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    transform: (document) => {
      // These headers are read by `readJobHeaders`; Fastify would strip all others if it validated them.
      const jobHeaders = (document.route.config as { jobHeaders?: boolean } | undefined)?.jobHeaders
      const schema = jobHeaders ? { ...document.schema, headers: jobHeadersSchema } : document.schema
      return jsonSchemaTransform({ ...document, schema } as Parameters<typeof jsonSchemaTransform>[0])
    },
    transformObject: jsonSchemaTransformObject,
  })
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
}
