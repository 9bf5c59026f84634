import { z } from 'zod'
import { formatUsd } from '../../core/budget.ts'
import { getAdmin, readAdminConnection } from '../client/admin-client.ts'
import { printLine } from '../client/run-command.ts'
import { formatTable } from '../client/table.ts'
import type { UsageFlags } from '../usage.ts'

const answerSchema = z.looseObject({
  from: z.string(),
  to: z.string(),
  data: z.array(z.record(z.string(), z.unknown())),
})

const columns = [
  { title: 'JOBS', metric: 'jobs' },
  { title: 'ATTEMPTS', metric: 'attempts' },
  { title: 'TOKENS IN', metric: 'tokens_in' },
  { title: 'CACHED', metric: 'tokens_cached' },
  { title: 'TOKENS OUT', metric: 'tokens_out' },
  { title: 'REASONING', metric: 'tokens_reasoning' },
] as const

/** Prints what was used. Returns the exit code. */
export async function showUsage(flags: UsageFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const { from, to, tenant, by } = flags
  const format = flags.csv ? 'csv' : 'json'
  const text = await getAdmin(connection, '/usage', { from, to, tenant, group_by: by, format })
  if (flags.csv || flags.json) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  else printUsage(text, by)
  return 0
}

function printUsage(text: string, by: string): void {
  const answer = answerSchema.parse(JSON.parse(text))
  if (answer.data.length === 0) {
    printLine(`Nothing was used from ${answer.from} to ${answer.to}.`)
    return
  }
  const names = by.split(',').map((name) => name.trim())
  const rows = answer.data.map((group) => [
    ...names.map((name) => String(group[name] ?? '')),
    ...columns.map(({ metric }) => countOf(group[metric]).toLocaleString('en')),
    formatUsd(countOf(group.micro_usd)),
  ])
  // Rows by tag overlap: a job with two tags is in both.
  if (!names.includes('tag')) rows.push(totalRow(names, answer.data))
  printLine(
    formatTable(
      [
        ...names.map((name) => ({ title: name.toUpperCase() })),
        ...columns.map(({ title }) => ({ title, align: 'right' as const })),
        { title: 'COST', align: 'right' },
      ],
      rows,
    ),
  )
}

function totalRow(names: readonly string[], groups: readonly Readonly<Record<string, unknown>>[]): string[] {
  const sum = (metric: string) => groups.reduce((total, group) => total + countOf(group[metric]), 0)
  return [
    ...names.map((_, index) => (index === 0 ? 'total' : '')),
    ...columns.map(({ metric }) => sum(metric).toLocaleString('en')),
    formatUsd(sum('micro_usd')),
  ]
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
