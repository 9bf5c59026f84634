import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import type { NodeRegistry, NodeReport } from '../../core/node.ts'
import { closedObject, errorBody } from '../schemas.ts'

const model = z.looseObject({
  name: z.string(),
  loaded: z.boolean(),
  size_bytes: z.number().nullable(),
  remote: z.boolean().describe('Somebody else’s machines serve it.'),
})

const node = z
  .looseObject({
    name: z.string(),
    pool: z.string(),
    status: z.enum(['ready', 'draining']),
    transport: z.enum(['redis', 'https']),
    version: z.string(),
    platform: z.string(),
    started_at: z.number().describe('Unix time in seconds.'),
    reported_at: z.number().describe('Unix time in seconds, by the clock of the node.'),
    running: z.number().describe('Calls under way.'),
    slots: z.number().describe('How many there may be.'),
    waiting: z.number().describe('Jobs in hand that wait for their turn.'),
    memory: z.looseObject({ total_bytes: z.number(), free_bytes: z.number() }),
    deployments: z.array(
      z.looseObject({
        id: z.string(),
        ready: z.boolean(),
        reason: z.string().nullable().describe('Why it takes no jobs, or only some.'),
        loaded: z.boolean().nullable(),
        serves_from: z.enum(['here', 'cloud', 'unknown']),
      }),
    ),
    runtimes: z.array(
      z.looseObject({
        kind: z.string(),
        url: z.string(),
        version: z.string().nullable(),
        parallel: z.number().nullable().describe('Calls that it works on at once; null where it does not say.'),
        cloud: z.enum(['off', 'on', 'unknown']).describe('Whether it may hand prompts to somebody’s cloud.'),
        models: z.array(model),
      }),
    ),
  })
  .meta({ id: 'Node' })

const nodeList = z.object({ object: z.literal('list'), data: z.array(node) }).meta({ id: 'NodeList' })
const nodeName = closedObject({ name: z.string().min(1).max(255) })
const changed = z.object({ name: z.string(), draining: z.boolean() })

const changing = {
  params: nodeName,
  response: { 200: changed, 401: errorBody, 404: errorBody, 503: errorBody },
}

export interface AdminNodeDeps {
  readonly nodes: NodeRegistry
}

export function registerAdminNodeRoutes(app: FastifyInstance, { nodes }: AdminNodeDeps): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  routes.get(
    '/admin/v1/nodes',
    {
      schema: {
        summary: 'The dispatchers that run, and what they found on their machines',
        response: { 200: nodeList, 401: errorBody, 503: errorBody },
      },
    },
    async () => ({ object: 'list' as const, data: (await nodes.list()).map(toView) }),
  )
  routes.post(
    '/admin/v1/nodes/:name/drain',
    { schema: { summary: 'Lets a node take nothing new and finish what it has begun', ...changing } },
    async (request) => {
      const { name } = request.params
      if (!(await nodes.setDraining(name, true))) throw new BrokerError('node_not_found', `No node ${name} runs.`)
      return { name, draining: true }
    },
  )
  routes.post(
    '/admin/v1/nodes/:name/resume',
    { schema: { summary: 'Lets a drained node work again', ...changing } },
    async (request) => {
      const { name } = request.params
      if (await nodes.setDraining(name, false)) return { name, draining: false }
      throw new BrokerError('node_not_found', `No node ${name} was told to drain.`)
    },
  )
}

function toView(report: NodeReport) {
  const { node: name, pool, transport, version, platform, running, slots, waiting, memory } = report
  return {
    name,
    pool,
    status: report.isDraining ? ('draining' as const) : ('ready' as const),
    transport,
    version,
    platform,
    started_at: Math.floor(report.startedAtMs / 1000),
    reported_at: Math.floor(report.reportedAtMs / 1000),
    running,
    slots,
    waiting,
    memory: { total_bytes: memory.totalBytes, free_bytes: memory.freeBytes },
    deployments: report.deployments.map(({ id, isReady, reason, isLoaded, servesFrom }) => ({
      id,
      ready: isReady,
      reason,
      loaded: isLoaded,
      serves_from: servesFrom,
    })),
    runtimes: report.runtimes.map(({ kind, url, version: itsVersion, parallel, cloud, models }) => ({
      kind,
      url,
      version: itsVersion,
      parallel,
      cloud,
      models: models.map(({ name: itsName, isLoaded, sizeBytes, isRemote }) => ({
        name: itsName,
        loaded: isLoaded,
        size_bytes: sizeBytes,
        remote: isRemote,
      })),
    })),
  }
}
