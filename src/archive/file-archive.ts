import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChainKey, chainEntry, chainStart, parseEntry } from '../core/audit-chain.ts'
import {
  type ArchiveBatch,
  type AuditFacts,
  type ChainHead,
  compareIds,
  type LedgerRow,
  type RecordArchive,
} from '../core/record-archive.ts'
import { dayOf } from '../core/usage.ts'
import { orMissing, syncFolder } from '../disk/folders.ts'
import { LineLog } from './line-log.ts'
import { listFolders } from './log-files.ts'

export interface FileArchiveOptions {
  /** `data_dir`. */
  readonly folder: string
  readonly key: ChainKey
  /** A file that is larger is closed and compressed. */
  readonly maxFileBytes?: number
}

const defaultMaxFileBytes = 16 * 1024 * 1024
/** Each is an open file. */
const maxOpenLogs = 200

/** Ledger and audit trail as files: `ledger/` and one folder per tenant in `audit/`, below the data folder. */
export class FileArchive implements RecordArchive {
  readonly #folder: string
  readonly #key: ChainKey
  readonly #maxFileBytes: number
  /** By folder, the one that was used last at the end. */
  readonly #logs = new Map<string, LineLog>()

  constructor({ folder, key, maxFileBytes = defaultMaxFileBytes }: FileArchiveOptions) {
    this.#folder = folder
    this.#key = key
    this.#maxFileBytes = maxFileBytes
  }

  async identify(): Promise<string> {
    return (await readArchiveId(this.#folder)) ?? (await this.#makeId())
  }

  async append({ ledger, audit, heads }: ArchiveBatch): Promise<ReadonlyMap<string, ChainHead>> {
    const byTenant = Map.groupBy(audit, ({ tenant }) => tenant)
    const tenants = [...byTenant].map(
      async ([tenant, entries]) => [tenant, await this.#appendAudit(tenant, entries, heads.get(tenant))] as const,
    )
    // All have to have ended, also when one fails: nobody may still write when the archive is opened again.
    const [ledgerResult, ...auditResults] = await Promise.allSettled([this.#appendLedger(ledger), ...tenants])
    if (ledgerResult.status === 'rejected') throw ledgerResult.reason
    const ends = auditResults.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    await this.#closeIdle()
    return new Map(ends)
  }

  async reset(): Promise<void> {
    const logs = [...this.#logs.values()]
    this.#logs.clear()
    await Promise.all(logs.map((log) => log.close()))
  }

  async #appendLedger(rows: readonly LedgerRow[]): Promise<void> {
    const first = rows[0]
    if (!first) return
    await this.#use(ledgerFolder(this.#folder), async (log) => {
      const lastId = log.lastLine === null ? '0-0' : (JSON.parse(log.lastLine) as LedgerRow).id
      const added = rows.filter(({ id }) => compareIds(id, lastId) > 0)
      await log.append(
        added.map((row) => JSON.stringify(row)),
        dayOf(first.finished_ms),
      )
    })
  }

  /** Returns where the chain ends, whether or not something was added. */
  #appendAudit(tenant: string, entries: readonly AuditFacts[], known: ChainHead = chainStart): Promise<ChainHead> {
    return this.#use(trailFolder(this.#folder, tenant), async (log) => {
      const last = log.lastLine === null ? null : parseEntry(log.lastLine)
      if (log.lastLine !== null && !last)
        throw new Error(`the audit trail of ${tenant} ends in a line that is no entry`)
      let head = last && last.seq >= known.seq ? { seq: last.seq, hash: last.hash } : known
      const lines: string[] = []
      for (const facts of entries) {
        if (last && compareIds(facts.id, last.id) <= 0) continue
        const next = chainEntry(head, facts, this.#key)
        lines.push(next.line)
        head = next.head
      }
      await log.append(lines, dayOf(entries[0]?.at ?? 0))
      return head
    })
  }

  /** A log that failed is forgotten: what it holds is only known after it has been opened again. */
  async #use<Result>(folder: string, work: (log: LineLog) => Promise<Result>): Promise<Result> {
    const log = this.#logs.get(folder) ?? (await LineLog.open(folder, this.#maxFileBytes))
    this.#logs.delete(folder)
    try {
      const result = await work(log)
      this.#logs.set(folder, log)
      return result
    } catch (error) {
      await log.close().catch(() => {})
      throw error
    }
  }

  async #closeIdle(): Promise<void> {
    for (const [folder, log] of this.#logs) {
      if (this.#logs.size <= maxOpenLogs) return
      this.#logs.delete(folder)
      await log.close()
    }
  }

  /** Of several processes that make one at the same time, all take the one that was first. */
  async #makeId(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const id = randomUUID()
    const draft = join(this.#folder, `archive-id.${id}`)
    await writeFile(draft, `${id}\n`, { mode: 0o600, flush: true })
    try {
      await link(draft, idFile(this.#folder))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      await rm(draft)
    }
    await syncFolder(this.#folder)
    return (await readArchiveId(this.#folder)) ?? id
  }
}

export function ledgerFolder(dataFolder: string): string {
  return join(dataFolder, 'ledger')
}

export function auditFolder(dataFolder: string): string {
  return join(dataFolder, 'audit')
}

/** A tenant's trail. Where file names know no case, `Acme` and `acme` must still be two: `=acme` and `acme`. */
export function trailFolder(dataFolder: string, tenant: string): string {
  return join(
    auditFolder(dataFolder),
    tenant.replace(/[A-Z]/g, (letter) => `=${letter.toLowerCase()}`),
  )
}

/** The tenants that have a trail. */
export async function listTenants(dataFolder: string): Promise<string[]> {
  const names = await listFolders(auditFolder(dataFolder))
  return names.map((name) => name.replace(/=([a-z])/g, (_, letter: string) => letter.toUpperCase()))
}

function idFile(dataFolder: string): string {
  return join(dataFolder, 'archive-id')
}

/** Null where nothing has been archived yet. */
export async function readArchiveId(dataFolder: string): Promise<string | null> {
  const text = await readFile(idFile(dataFolder), 'utf8').catch(orMissing)
  return text?.trim() || null
}
