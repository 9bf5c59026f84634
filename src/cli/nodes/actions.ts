import { z } from 'zod'
import { getAdmin, readAdminConnection, sendAdmin } from '../client/admin-client.ts'
import { printLine } from '../client/run-command.ts'
import type { NodesFlags } from '../nodes.ts'
import { formatNodes } from './views.ts'

const deployment = z.looseObject({
  id: z.string(),
  ready: z.boolean(),
  reason: z.string().nullable(),
  loaded: z.boolean().nullable(),
})
const runtime = z.looseObject({ kind: z.string(), url: z.string(), version: z.string().nullable() })
const node = z.looseObject({
  name: z.string(),
  pool: z.string(),
  status: z.string(),
  transport: z.string(),
  running: z.number(),
  slots: z.number(),
  waiting: z.number(),
  memory: z.looseObject({ total_bytes: z.number(), free_bytes: z.number() }),
  deployments: z.array(deployment),
  runtimes: z.array(runtime),
})
export type NodeAnswer = z.output<typeof node>

const nodeList = z.looseObject({ data: z.array(node) })

/** Prints the live nodes. Returns the exit code. */
export async function listNodes(flags: NodesFlags): Promise<number> {
  const text = await getAdmin(readAdminConnection(flags, process.env), '/nodes')
  if (flags.json) printLine(text)
  else {
    const { data } = nodeList.parse(JSON.parse(text))
    printLine(data.length === 0 ? 'No node runs.' : formatNodes(data))
  }
  return 0
}

/** Tells a node to drain, or takes that back. Returns the exit code. */
export async function changeNode(name: string, verb: 'drain' | 'resume', flags: NodesFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const text = await sendAdmin(connection, { method: 'POST', path: `/nodes/${encodeURIComponent(name)}/${verb}` })
  if (flags.json) printLine(text)
  else if (verb === 'drain') printLine(`${name} takes nothing new; it is idle when \`sluice nodes\` shows 0 running.`)
  else printLine(`${name} works again with its next heartbeat.`)
  return 0
}
