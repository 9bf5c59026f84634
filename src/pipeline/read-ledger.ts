import { BrokerError } from '../core/errors.ts'
import { toLedgerRow } from '../core/ledger.ts'
import type { ArchiveReader, LedgerRow, RecordTail, TimeRange } from '../core/record-archive.ts'

export interface LedgerDeps {
  readonly archive: ArchiveReader
  readonly tail: RecordTail
}

/** More than this waits only when no recorder has worked for a while. */
const maxPending = 100_000

/**
 * The rows of a time, oldest first: those in files, and those that still wait to be archived. What waits is read first,
 * because it may be archived meanwhile.
 */
export async function* readLedger(
  { archive, tail }: LedgerDeps,
  query: TimeRange & { tenant?: string | undefined },
): AsyncGenerator<LedgerRow> {
  await assertSameArchive({ archive, tail })
  const waiting = await readWaiting(tail)
  for await (const row of archive.ledger(query)) {
    waiting.delete(row.id)
    if (query.tenant === undefined || row.tenant === query.tenant) yield row
  }
  for (const row of waiting.values()) {
    const isWithin = row.finished_ms >= query.fromMs && row.finished_ms < query.toMs
    if (isWithin && (query.tenant === undefined || row.tenant === query.tenant)) yield row
  }
}

/** Half a ledger must not look like a whole one. @throws BrokerError where the files are not in this process's folder. */
export async function assertSameArchive({ archive, tail }: LedgerDeps): Promise<void> {
  const [own, written] = await Promise.all([archive.identify(), tail.archive()])
  if (written === null || written === own) return
  throw new BrokerError('internal_error', 'The ledger’s files are not in the data_dir of this process.')
}

async function readWaiting(tail: RecordTail): Promise<Map<string, LedgerRow>> {
  const records = (await tail.pending(maxPending)).filter(({ record }) => record.kind === 'attempt')
  const owners = await tail.ownersOf([...new Set(records.map(({ record }) => record.job))])
  const rows = records.flatMap((each) => toLedgerRow(each, owners.get(each.record.job) ?? null) ?? [])
  return new Map(rows.map((row) => [row.id, row]))
}
