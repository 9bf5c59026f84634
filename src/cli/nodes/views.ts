import { type Column, formatTable } from '../client/table.ts'
import type { NodeAnswer } from './actions.ts'

const nodeColumns: readonly Column[] = [
  { title: 'Node' },
  { title: 'Pool' },
  { title: 'Status' },
  { title: 'By' },
  { title: 'Running', align: 'right' },
  { title: 'Waiting', align: 'right' },
  { title: 'Memory free', align: 'right' },
  { title: 'Servers' },
]

const deploymentColumns: readonly Column[] = [
  { title: 'Node' },
  { title: 'Deployment' },
  { title: 'Ready' },
  { title: 'Loaded' },
  { title: 'Why' },
]

/** One line per node, and one per deployment of a node. */
export function formatNodes(nodes: readonly NodeAnswer[]): string {
  const rows = nodes.map((node) => [
    node.name,
    node.pool,
    node.status,
    node.transport,
    `${node.running}/${node.slots}`,
    String(node.waiting),
    `${gibibytes(node.memory.free_bytes)} of ${gibibytes(node.memory.total_bytes)} GiB`,
    node.runtimes.map(({ kind, version, url }) => [kind, version, url].filter(Boolean).join(' ')).join(', '),
  ])
  const deployments = nodes.flatMap((node) =>
    node.deployments.map(({ id, ready, loaded, reason }) => [
      node.name,
      id,
      ready ? 'yes' : 'no',
      loaded === null ? '' : loaded ? 'yes' : 'no',
      reason ?? '',
    ]),
  )
  return `${formatTable(nodeColumns, rows)}\n\n${formatTable(deploymentColumns, deployments)}`
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}
