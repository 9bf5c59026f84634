import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { type EndpointSettings, isDeliveryId } from '../../core/webhook.ts'
import {
  changeEndpoint,
  createEndpoint,
  requireEndpoint,
  resendDelivery,
  rotateSecret,
  type WebhookDeps,
} from '../../pipeline/manage-endpoints.ts'
import { errorBody } from '../schemas.ts'
import {
  deletedEndpoint,
  deliveryList,
  deliveryListQuery,
  endpointChanges,
  endpointList,
  newEndpoint,
  newEndpointAnswer,
  rotatedEndpoint,
  rotation,
  webhookDelivery,
  webhookEndpoint,
} from '../webhook-schemas.ts'
import { deliveryView, endpointView } from '../webhook-view.ts'

const params = z.object({ id: z.string() })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

/** A tenant's webhook endpoints, and what was sent to them. */
export function registerWebhookRoutes(app: FastifyInstance, deps: WebhookDeps): void {
  registerEndpoints(app, deps)
  registerChanges(app, deps)
  registerDeliveries(app, deps)
}

function registerEndpoints(app: FastifyInstance, deps: WebhookDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/webhooks/endpoints',
    {
      schema: {
        summary: 'Makes a webhook endpoint; its secret is shown only now',
        body: newEndpoint,
        response: { 201: newEndpointAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { endpoint, secret } = await createEndpoint({ ...request.body, tenant: request.tenant.name }, deps)
      return reply.code(201).send({ ...endpointView(endpoint), secret })
    },
  )
  typed.get(
    '/v1/webhooks/endpoints',
    { schema: { summary: 'Webhook endpoints of this tenant', response: { 200: endpointList, ...failures } } },
    async (request, reply) => {
      const endpoints = await deps.endpoints.list(request.tenant.name)
      return reply.send({ object: 'list', data: endpoints.map(endpointView), has_more: false })
    },
  )
  typed.get(
    '/v1/webhooks/endpoints/:id',
    { schema: { summary: 'One webhook endpoint', params, response: { 200: webhookEndpoint, ...failures } } },
    async (request, reply) =>
      reply.send(endpointView(await requireEndpoint(request.params.id, request.tenant.name, deps))),
  )
}

function registerChanges(app: FastifyInstance, deps: WebhookDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.patch(
    '/v1/webhooks/endpoints/:id',
    {
      schema: {
        summary: 'Changes a webhook endpoint; `status: enabled` enables it again',
        params,
        body: endpointChanges,
        response: { 200: webhookEndpoint, ...failures },
      },
    },
    async (request, reply) => {
      const { url, events, description, payload, status } = request.body
      const changes: Partial<EndpointSettings> & { status?: 'enabled' | 'disabled' } = {
        ...(url !== undefined && { url }),
        ...(events !== undefined && { events }),
        ...(description !== undefined && { description }),
        ...(payload !== undefined && { payload }),
        ...(status !== undefined && { status }),
      }
      return reply.send(endpointView(await changeEndpoint(request.params.id, request.tenant.name, changes, deps)))
    },
  )
  typed.delete(
    '/v1/webhooks/endpoints/:id',
    {
      schema: {
        summary: 'Deletes a webhook endpoint, its log, and what was to be sent there',
        params,
        response: { 200: deletedEndpoint, ...failures },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(request.params.id, request.tenant.name, deps)
      await deps.endpoints.delete(endpoint)
      return reply.send({ id: endpoint.id, object: 'webhook_endpoint', deleted: true })
    },
  )
  typed.post(
    '/v1/webhooks/endpoints/:id/rotate-secret',
    {
      schema: {
        summary: 'Replaces the secret; until the overlap is over, both sign',
        params,
        body: rotation,
        response: { 200: rotatedEndpoint, ...failures },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(request.params.id, request.tenant.name, deps)
      const overlapSeconds = request.body?.overlap_seconds ?? 24 * 3600
      const { secret, previousExpiresAtMs } = await rotateSecret(endpoint, overlapSeconds * 1000, deps)
      const previous_secrets_expire_at = Math.floor(previousExpiresAtMs / 1000)
      return reply.send({ ...endpointView(endpoint), secret, previous_secrets_expire_at })
    },
  )
}

function registerDeliveries(app: FastifyInstance, deps: WebhookDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/v1/webhooks/endpoints/:id/deliveries',
    {
      schema: {
        summary: 'What was sent to a webhook endpoint, newest first, with every attempt',
        params,
        querystring: deliveryListQuery,
        response: { 200: deliveryList, ...failures },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(request.params.id, request.tenant.name, deps)
      const { after, limit } = request.query
      if (after !== undefined && !isDeliveryId(after)) {
        throw new BrokerError('invalid_request', 'Invalid query parameter after: expected a delivery id.', {
          param: 'after',
        })
      }
      const query = { endpoint: endpoint.id, limit, ...(after !== undefined && { after }) }
      const { deliveries, hasMore } = await deps.deliveries.list(query)
      return reply.send({
        object: 'list',
        data: deliveries.map(deliveryView),
        first_id: deliveries[0]?.id ?? null,
        last_id: deliveries.at(-1)?.id ?? null,
        has_more: hasMore,
      })
    },
  )
  typed.post(
    '/v1/webhooks/deliveries/:id/resend',
    {
      schema: {
        summary: 'Sends an event again, under the same webhook id',
        params,
        response: { 202: webhookDelivery, ...failures, 409: errorBody },
      },
    },
    async (request, reply) => {
      const delivery = await resendDelivery(request.params.id, request.tenant.name, deps)
      return reply.code(202).send(deliveryView(delivery))
    },
  )
}
