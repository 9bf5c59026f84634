/** What the subcommands of `sluice tenants` do. Each resolves with the exit code. */
import { z } from 'zod'
import { type AdminConnection, getAdmin, readAdminConnection, sendAdmin } from '../client/admin-client.ts'
import { ask } from '../client/ask.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatTable } from '../client/table.ts'
import { formatBytes, formatNumber } from '../client/terminal-text.ts'
import type { EraseFlags, TenantsFlags } from '../tenants.ts'

/** Open: a newer server may say more than this CLI knows. */
const tenantList = z.looseObject({
  data: z.array(
    z.looseObject({
      name: z.string(),
      configured: z.boolean(),
      jobs: z.number(),
      files: z.number(),
      batches: z.number(),
      webhook_endpoints: z.number(),
    }),
  ),
})

const erasedAnswer = z.looseObject({
  tenant: z.string(),
  before: z.string(),
  deleted: z.record(z.string(), z.number()),
  kept: z.record(z.string(), z.string()),
  complete: z.boolean(),
})
type ErasedAnswer = z.output<typeof erasedAnswer>

/** After so many calls that erased nothing more it is somebody else's turn. Each takes up to half a minute. */
const idleCalls = 3

export async function listTenants(flags: TenantsFlags): Promise<number> {
  const text = await getAdmin(readAdminConnection(flags, process.env), '/tenants')
  if (flags.json) {
    printLine(text)
    return 0
  }
  const columns = [
    { title: 'Tenant' },
    { title: '' },
    ...['Jobs', 'Files', 'Batches', 'Endpoints'].map((title) => ({ title, align: 'right' as const })),
  ]
  const rows = tenantList
    .parse(JSON.parse(text))
    .data.map((tenant) => [
      tenant.name,
      tenant.configured ? '' : 'not configured',
      ...[tenant.jobs, tenant.files, tenant.batches, tenant.webhook_endpoints].map(formatNumber),
    ])
  printLine(formatTable(columns, rows))
  return 0
}

/** Erases all, in as many calls as it takes. Whoever has no terminal must say `--yes`. */
export async function eraseTenant(name: string, flags: EraseFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  if (!flags.yes && !(await isMeant(name))) return 1
  let answer = await eraseSome(connection, name, flags.before)
  let idle = 0
  while (!answer.complete && idle < idleCalls) {
    const more = await eraseSome(connection, name, answer.before)
    idle = Object.values(more.deleted).every((count) => count === 0) ? idle + 1 : 0
    answer = { ...more, deleted: add(answer.deleted, more.deleted) }
  }
  if (flags.json) printJson(answer)
  else show(answer)
  return answer.complete ? 0 : 1
}

async function eraseSome(connection: AdminConnection, name: string, before?: string): Promise<ErasedAnswer> {
  const query = before === undefined ? '' : `?${new URLSearchParams({ before })}`
  const path = `/tenants/${encodeURIComponent(name)}/data${query}`
  return erasedAnswer.parse(JSON.parse(await sendAdmin(connection, { method: 'DELETE', path })))
}

/** The name has to be typed: yes is said too easily. @throws UsageError where there is no terminal to ask on. */
async function isMeant(name: string): Promise<boolean> {
  const typed = await ask(`All data of ${name} will be gone for good. Type its name to go on: `, 'Say --yes.')
  if (typed === name) return true
  process.stderr.write('Nothing was done.\n')
  return false
}

function add(left: Readonly<Record<string, number>>, right: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...left }
  for (const [kind, count] of Object.entries(right)) sum[kind] = (sum[kind] ?? 0) + count
  return sum
}

function show({ tenant, before, deleted, kept, complete }: ErasedAnswer): void {
  const rows = Object.entries(deleted).map(([kind, count]) => [
    kind.replaceAll('_', ' '),
    kind === 'bytes' ? formatBytes(count) : formatNumber(count),
  ])
  printLine(formatTable([{ title: 'Erased' }, { title: '', align: 'right' }], rows))
  const keptRows = Object.entries(kept).map(([kind, why]) => [kind.replaceAll('_', ' '), why])
  printLine(`\n${formatTable([{ title: 'Kept' }, { title: '' }], keptRows)}`)
  const outcome = complete
    ? `Nothing else is left of what ${tenant} made before ${before}.`
    : 'Not all of it is gone: what was erased has yet to be told in ledger and audit trail. Is a courier running? Call again.'
  printLine(`\n${outcome}`)
}
