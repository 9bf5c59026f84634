import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { GateView } from '../../core/gate.ts'
import type { Lane } from '../../core/ports.ts'
import { priorities, sensitivities } from '../../core/vocabulary.ts'
import { errorBody } from '../schemas.ts'

/** Where jobs wait for a dispatcher, and how the gates stand that hold some of them up. */
interface LanesView {
  readonly lanes: readonly { readonly lane: Lane; readonly waiting: number }[]
  readonly gates: readonly { readonly deployment: string; readonly pool: string; readonly view: GateView }[]
}
export type LaneReader = (nowMs: number) => Promise<LanesView>

const laneList = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.looseObject({
        pool: z.string(),
        sensitivity: z.enum(sensitivities),
        priority: z.enum(priorities),
        waiting: z.number().describe('Jobs in the lane, those that wait for their next attempt included.'),
      }),
    ),
    deployments: z.array(
      z.looseObject({
        gate: z.string().describe('The deployment, with its node where every node has its own.'),
        deployment: z.string(),
        pool: z.string(),
        breaker: z.enum(['closed', 'open', 'half_open']),
        closed: z.string().nullable().describe('Why no call may go there now.'),
        opens_at: z.number().nullable().describe('Unix time in seconds; null where that depends on others.'),
        running: z.number(),
        parked: z.number().describe('Jobs that wait for it without an entry in a lane.'),
        failures: z.number(),
      }),
    ),
  })
  .meta({ id: 'LaneList' })

export interface AdminLaneDeps {
  readonly lanes: LaneReader
}

export function registerAdminLaneRoutes(app: FastifyInstance, { lanes }: AdminLaneDeps): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/admin/v1/lanes',
    {
      schema: {
        summary: 'How many jobs wait in each lane, and how the gates of the deployments stand',
        response: { 200: laneList, 401: errorBody, 503: errorBody },
      },
    },
    async () => {
      const { lanes: waiting, gates } = await lanes(Date.now())
      return {
        object: 'list' as const,
        data: waiting.map(({ lane, waiting: count }) => ({ ...lane, waiting: count })),
        deployments: gates.map(({ deployment, pool, view }) => ({
          gate: view.gate,
          deployment,
          pool,
          breaker: view.breaker,
          closed: view.closed?.reason ?? null,
          opens_at: typeof view.closed?.opensAtMs === 'number' ? Math.ceil(view.closed.opensAtMs / 1000) : null,
          running: view.running,
          parked: view.parked,
          failures: view.failures,
        })),
      }
    },
  )
}
