import { z } from 'zod'
import { getAdmin, readAdminConnection } from '../client/admin-client.ts'
import { printLine } from '../client/run-command.ts'
import { type Column, formatTable } from '../client/table.ts'
import type { LanesFlags } from '../lanes.ts'

const answerSchema = z.looseObject({
  data: z.array(
    z.looseObject({ pool: z.string(), sensitivity: z.string(), priority: z.string(), waiting: z.number() }),
  ),
  deployments: z.array(
    z.looseObject({
      gate: z.string(),
      pool: z.string(),
      breaker: z.string(),
      closed: z.string().nullable(),
      opens_at: z.number().nullable(),
      running: z.number(),
      parked: z.number(),
    }),
  ),
})

const laneColumns: readonly Column[] = [
  { title: 'Pool' },
  { title: 'Class' },
  { title: 'Priority' },
  { title: 'Waiting', align: 'right' },
]

const gateColumns: readonly Column[] = [
  { title: 'Deployment' },
  { title: 'Pool' },
  { title: 'Breaker' },
  { title: 'Running', align: 'right' },
  { title: 'Parked', align: 'right' },
  { title: 'Closed by' },
  { title: 'Opens at' },
]

const openBacklog =
  'Where nothing but parked jobs closes a gate, they are about to go on or wait for a node: `sluice nodes` says why none takes them.'

/** Prints lanes and gates. Returns the exit code. */
export async function showLanes(flags: LanesFlags): Promise<number> {
  const text = await getAdmin(readAdminConnection(flags, process.env), '/lanes')
  printLine(flags.json ? text : formatLanes(JSON.parse(text)))
  return 0
}

/** The API's answer as two tables. */
export function formatLanes(answer: unknown): string {
  const { data, deployments } = answerSchema.parse(answer)
  const lanes = data.map(({ pool, sensitivity, priority, waiting }) => [pool, sensitivity, priority, String(waiting)])
  const gates = deployments.map(({ gate, pool, breaker, running, parked, closed, opens_at: opensAt }) => [
    gate,
    pool,
    breaker,
    String(running),
    String(parked),
    closed ?? '',
    opensAt === null ? '' : new Date(opensAt * 1000).toISOString(),
  ])
  const isHeldUp = deployments.some(({ parked, closed }) => parked > 0 && (closed === null || closed === 'parked'))
  const tables = [formatTable(laneColumns, lanes), formatTable(gateColumns, gates)]
  return [...tables, ...(isHeldUp ? [openBacklog] : [])].join('\n\n')
}
