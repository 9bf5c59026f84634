/** What the subcommands of `sluice dead-letters` do. Each resolves with the exit code. */
import type { z } from 'zod'
import { type AdminConnection, getAdmin, readAdminConnection, sendAdmin } from '../client/admin-client.ts'
import { UsageError } from '../client/failures.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatNumber, plainText } from '../client/terminal-text.ts'
import type { ActFlags, FilterFlags, ListFlags, ReplayFlags } from '../dead-letters.ts'
import {
  type DeadLetter,
  deadLetterAnswer,
  discardBatchAnswer,
  listAnswer,
  type ReplayBatch,
  replayBatchAnswer,
} from './answers.ts'
import { confirm } from './confirm.ts'
import { formatDeadLetter, formatDeadLetters, formatQuotes, formatUsd } from './views.ts'

/** The most that the API takes at once. */
const pageSize = 1_000

export async function listDeadLetters(flags: ListFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const { replayed, ...filter } = toFilter(flags)
  const letters: DeadLetter[] = []
  let next: string | null | undefined = flags.after ?? null
  do {
    const limit = String(Math.min(pageSize, flags.limit - letters.length))
    const query = {
      ...filter,
      ...(replayed !== undefined && { replayed: String(replayed) }),
      limit,
      after: next ?? undefined,
    }
    const page = listAnswer.parse(JSON.parse(await getAdmin(connection, '/dead-letters', query)))
    letters.push(...page.data)
    next = page.next
  } while (next && letters.length < flags.limit)
  if (flags.json) printJson({ object: 'list', data: letters, has_more: Boolean(next), next: next ?? null })
  else if (letters.length === 0) printLine('No dead letters.')
  else printLine(formatDeadLetters(letters))
  if (!flags.json && next) printLine(`\nThere are more: --limit N, or --after ${next}`)
  return 0
}

export async function showDeadLetter(id: string, flags: { url?: string; json?: true }): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const letter = JSON.parse(await getAdmin(connection, `/dead-letters/${encodeURIComponent(id)}`)) as unknown
  if (flags.json) printJson(letter)
  else printLine(formatDeadLetter(deadLetterAnswer.parse(letter)))
  return 0
}

/** Runs them again. A choice by filter is shown first with what it costs, and asked for unless `--yes` says so. */
export async function replayDeadLetters(ids: readonly string[], flags: ReplayFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const options = {
    ...(flags.onModel !== undefined && { model: flags.onModel }),
    ...(flags.priority !== undefined && { priority: flags.priority }),
    ...(flags.deadline !== undefined && { deadline: readDeadline(flags.deadline) }),
  }
  const replay = (body: object) => send(connection, 'replay', { ...body, ...options }, replayBatchAnswer)
  let selection: Selection = choose(ids, flags)
  if (flags.dryRun || (ids.length === 0 && !flags.yes)) {
    const quotes = await replay({ ...selection, dry_run: true })
    showQuotes(quotes, flags)
    if (flags.dryRun) return exitCodeOf(quotes)
    if (quotes.data.length === 0) return 0
    if (!(await confirm(`Run ${formatNumber(quotes.data.length)} again?`))) return 1
    // Those that were shown, whatever fits by now.
    selection = { ids: quotes.data.map(({ id }) => id) }
  }
  const result = await replay(selection)
  show(result, flags, ({ job, error }) => (job ? `runs again as ${job}` : error?.message))
  return exitCodeOf(result)
}

/** Throws them away, which is asked for unless `--yes` says so: there is no way back. */
export async function discardDeadLetters(ids: readonly string[], flags: ActFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const discard = (body: object) => send(connection, 'discard', body, discardBatchAnswer)
  let selection: Selection = choose(ids, flags)
  if (flags.dryRun || !flags.yes) {
    const found = await discard({ ...selection, dry_run: true })
    if (flags.dryRun || found.data.length === 0) {
      show(found, flags, ({ error }) => (error ? error.message : 'would be discarded'))
      return exitCodeOf(found)
    }
    if (!(await confirm(`Throw away ${formatNumber(found.data.length)} for good?`))) return 1
    selection = { ids: found.data.map(({ id }) => id) }
  }
  const result = await discard(selection)
  show(result, flags, ({ error }) => (error ? error.message : 'discarded'))
  return exitCodeOf(result)
}

type Selection = { readonly ids: readonly string[] } | { readonly filter: Filter; readonly limit: number }

function choose(ids: readonly string[], flags: ActFlags): Selection {
  const filter = toFilter(flags)
  const isFiltered = Object.keys(filter).length > 0
  if (ids.length > 0 && (isFiltered || flags.all)) throw new UsageError('Either ids, or a filter.')
  if (ids.length > 0) return { ids }
  if (!isFiltered && !flags.all) throw new UsageError('Which ones? Give ids, a filter, or --all.')
  return { filter, limit: flags.limit }
}

type Filter = Omit<FilterFlags, 'replayed'> & { replayed?: boolean }

function toFilter({ tenant, model, kind, code, deployment, from, to, replayed }: FilterFlags): Filter {
  return {
    ...(tenant !== undefined && { tenant }),
    ...(model !== undefined && { model }),
    ...(kind !== undefined && { kind }),
    ...(code !== undefined && { code }),
    ...(deployment !== undefined && { deployment }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(replayed !== undefined && { replayed: replayed === 'yes' }),
  }
}

function readDeadline(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

async function send<Schema extends z.ZodType>(
  connection: AdminConnection,
  action: 'replay' | 'discard',
  body: object,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await sendAdmin(connection, { method: 'POST', path: `/dead-letters/${action}`, body })
  return schema.parse(JSON.parse(text))
}

function showQuotes(quotes: ReplayBatch, { json, dryRun }: ReplayFlags): void {
  if (json && dryRun) {
    printJson(quotes)
    return
  }
  if (quotes.data.length === 0) {
    printLine('No dead letters.')
    return
  }
  const dearest = typeof quotes.most_usd === 'number' ? `; ${formatUsd(quotes.most_usd)} at the dearest` : ''
  const total = `At most ${formatUsd(quotes.cost_usd ?? 0)} in all, at each one’s first deployment${dearest}.`
  const more = quotes.has_more ? '\nThere are others that fit: --limit N.' : ''
  // With --json only the outcome belongs on stdout.
  const stream = json ? process.stderr : process.stdout
  stream.write(`${formatQuotes(quotes.data)}\n\n${total}${more}\n`)
}

/** A line for each. */
function show<Entry extends { id: string }>(
  result: { data: readonly Entry[]; has_more: boolean },
  { json }: ActFlags,
  describe: (entry: Entry) => string | undefined,
): void {
  if (json) {
    printJson(result)
    return
  }
  for (const entry of result.data) printLine(`${entry.id}  ${plainText(describe(entry) ?? '')}`)
  if (result.data.length === 0) printLine('No dead letters.')
  if (result.has_more) printLine('There are others that fit: ask again.')
}

function exitCodeOf({ data }: { data: readonly { error?: unknown }[] }): number {
  return data.some(({ error }) => error) ? 1 : 0
}
