import { parseEntry } from '../core/audit-chain.ts'
import type { ArchiveReader, LedgerRow, TimeRange } from '../core/record-archive.ts'
import { dayOf } from '../core/usage.ts'
import { orMissing } from '../disk/folders.ts'
import { ledgerFolder, listTenants, readArchiveId, trailFolder } from './file-archive.ts'
import { type LogFile, listLog, readLines } from './log-files.ts'

const dayMs = 24 * 60 * 60 * 1000

/** Reads ledger and audit trail while a recorder may be writing: a line that is not whole yet is left out. */
export class FileArchiveReader implements ArchiveReader {
  readonly #folder: string

  /** `folder` is `data_dir`. */
  constructor(folder: string) {
    this.#folder = folder
  }

  identify(): Promise<string | null> {
    return readArchiveId(this.#folder)
  }

  async *ledger(range: TimeRange): AsyncGenerator<LedgerRow> {
    for await (const text of readLog(ledgerFolder(this.#folder), range)) {
      const row = parseLine<LedgerRow>(text)
      if (row && isWithin(row.finished_ms, range)) yield row
    }
  }

  tenants(): Promise<readonly string[]> {
    return listTenants(this.#folder)
  }

  async *audit(tenant: string, range: TimeRange): AsyncGenerator<string> {
    if (!/^[\w-]+$/.test(tenant)) return
    for await (const text of readLog(trailFolder(this.#folder, tenant), range)) {
      const entry = parseEntry(text)
      if (entry && isWithin(entry.at, range)) yield text
    }
  }
}

async function* readLog(folder: string, range: TimeRange): AsyncGenerator<string> {
  for (const listed of (await listLog(folder)).filter((file) => mayHold(file, range))) yield* readWhole(folder, listed)
}

/** The whole lines of a file, under another name if the recorder closes it before it is opened. */
async function* readWhole(folder: string, listed: LogFile): AsyncGenerator<string> {
  let file: LogFile | undefined = listed
  for (let tries = 1; file; tries++) {
    try {
      for await (const { text, isWhole } of readLines(file)) if (isWhole) yield text
      return
    } catch (error) {
      if (tries === 3) throw error
      orMissing(error as NodeJS.ErrnoException)
      file = (await listLog(folder)).find(({ number }) => number === listed.number)
    }
  }
}

/** A file is named by the day of its first line; a line of the day before may come after it, when clocks differ. */
function mayHold({ day }: LogFile, { fromMs, toMs }: TimeRange): boolean {
  return day >= dayOf(fromMs - dayMs) && day <= dayOf(toMs + dayMs)
}

function isWithin(ms: number, { fromMs, toMs }: TimeRange): boolean {
  return ms >= fromMs && ms < toMs
}

function parseLine<Row>(text: string): Row | null {
  try {
    return JSON.parse(text) as Row
  } catch {
    return null
  }
}
