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

/** Prints lanes and gates. Returns the exit code. */
export async function showLanes(flags: LanesFlags): Promise<number> {
  const text = await getAdmin(readAdminConnection(flags, process.env), '/lanes')
  if (flags.json) {
    printLine(text)
    return 0
  }
  const { data, deployments } = answerSchema.parse(JSON.parse(text))
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
  printLine(`${formatTable(laneColumns, lanes)}\n\n${formatTable(gateColumns, gates)}`)
  return 0
}
