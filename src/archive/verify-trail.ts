import { type ChainedEntry, type ChainKey, chainStart, checkEntry, parseEntry } from '../core/audit-chain.ts'
import type { ChainHead } from '../core/record-archive.ts'
import { listTenants, trailFolder } from './file-archive.ts'
import { type LogFile, listLog, readLines } from './log-files.ts'

/** Something that nobody but a meddler, or a broken disk, can have brought about; `seq` is the entry that it befell. */
interface TrailFault {
  readonly tenant: string
  readonly seq: number
  readonly file: string | null
  readonly line: number | null
  readonly what: string
}

export interface TenantTrail {
  readonly tenant: string
  readonly entries: number
  readonly files: number
  /** Where the chain ends in the files. */
  readonly head: ChainHead
  /** Entries whose MAC could not be checked, for want of their key. */
  readonly unchecked: number
  /** Whether Redis was asked where the chain ends; without that, entries cut off at the end are not missed. */
  readonly endIsProven: boolean
  /** A last line that is not whole: what a crash, or a recorder at work, leaves. */
  readonly isUnfinished: boolean
  readonly faults: readonly TrailFault[]
}

export interface VerifyOptions {
  /** `data_dir`. */
  readonly folder: string
  readonly tenant?: string | undefined
  /** The keys that entries may be sealed with, of now and of before. */
  readonly keys: readonly ChainKey[]
  /** Where chains end by what Redis knows, read before the files; null where it is away. */
  readonly heads: ReadonlyMap<string, ChainHead> | null
}

/** So many are named; one cut through a long trail needs no thousand lines. */
const maxFaults = 100

/** Checks every entry of every tenant's trail, one file after the other and one line in memory. */
export async function verifyTrails({ folder, tenant, keys, heads }: VerifyOptions): Promise<TenantTrail[]> {
  const found = await listTenants(folder)
  const tenants = tenant === undefined ? [...new Set([...found, ...(heads?.keys() ?? [])])] : [tenant]
  const trails: TenantTrail[] = []
  for (const name of tenants.sort()) {
    const trail = new TrailCheck(name, keys, heads ? (heads.get(name) ?? chainStart) : null)
    trails.push(await trail.run(await listLog(trailFolder(folder, name))))
  }
  return trails
}

class TrailCheck {
  readonly #tenant: string
  readonly #keys: readonly ChainKey[]
  /** Null when nobody knows. */
  readonly #expected: ChainHead | null
  readonly #faults: TrailFault[] = []
  readonly #unknownKeys = new Set<string>()
  #head = chainStart
  #entries = 0
  #unchecked = 0
  #isUnfinished = false
  /** Where the chain was when it was as long as Redis knows it. */
  #atExpected: string | null = null

  constructor(tenant: string, keys: readonly ChainKey[], expected: ChainHead | null) {
    this.#tenant = tenant
    this.#keys = keys
    this.#expected = expected
  }

  async run(files: readonly LogFile[]): Promise<TenantTrail> {
    let number: number | null = null
    for (const file of files) {
      if (number !== null && file.number !== number + 1) {
        const what = `before it, ${file.number - number - 1} files are missing`
        this.#report(this.#head.seq + 1, { file, line: null }, what)
      }
      number = file.number
      await this.#readFile(file, file === files.at(-1))
    }
    this.#compareEnd()
    return {
      tenant: this.#tenant,
      entries: this.#entries,
      files: files.length,
      head: this.#head,
      unchecked: this.#unchecked,
      endIsProven: this.#expected !== null,
      isUnfinished: this.#isUnfinished,
      faults: this.#faults,
    }
  }

  async #readFile(file: LogFile, isLast: boolean): Promise<void> {
    let line = 0
    try {
      for await (const { text, number, isWhole } of readLines(file)) {
        line = number
        if (isWhole) this.#take(text, { file, line })
        else if (isLast && file.state !== '.gz') this.#isUnfinished = true
        else this.#report(this.#head.seq + 1, { file, line }, 'the line is not whole')
      }
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
      this.#report(this.#head.seq + 1, { file, line: line + 1 }, `the file is damaged from here on (${reason})`)
    }
  }

  #take(text: string, place: Place): void {
    const entry = parseEntry(text)
    if (!entry) {
      // It stood where the next one was due; that one's `prev` can't be compared with anything now.
      this.#report(this.#head.seq + 1, place, 'edited: the line is no entry')
      this.#head = { seq: this.#head.seq + 1, hash: '' }
      return
    }
    this.#entries += 1
    const fault = checkEntry(text, entry, this.#keys)
    if (fault === 'unchecked') this.#noteUnknownKey(entry, place)
    else if (fault) this.#report(entry.seq, place, fault === 'edited' ? 'edited: its hash does not match it' : fault)
    if (entry.tenant !== this.#tenant) this.#report(entry.seq, place, `is an entry of the tenant ${entry.tenant}`)
    this.#follow(entry, place, fault === 'edited')
    if (entry.seq === this.#expected?.seq) this.#atExpected = entry.hash
  }

  /** With the keys at hand, an entry that none of them sealed is as good as forged; it is named once per key. */
  #noteUnknownKey({ seq, kid }: ChainedEntry, place: Place): void {
    this.#unchecked += 1
    if (this.#keys.length === 0 || this.#unknownKeys.has(kid)) return
    this.#unknownKeys.add(kid)
    this.#report(seq, place, `sealed with the key ${kid.slice(0, 16)}, which is none of those given`)
  }

  #follow(entry: ChainedEntry, place: Place, isEdited: boolean): void {
    const due = this.#head.seq + 1
    if (entry.seq < due) {
      // The chain goes on from where it was: the next line is compared with what stood before this one.
      this.#report(entry.seq, place, `moved or doubled: entry ${due} is due here`)
      return
    }
    if (entry.seq > due) this.#report(due, place, `${describeRange(due, entry.seq - 1)} removed before this line`)
    // What follows an edited line can't be compared with it.
    else if (entry.prev !== this.#head.hash && this.#head.hash !== '') {
      this.#report(entry.seq, place, 'does not follow from the entry before it')
    }
    this.#head = { seq: entry.seq, hash: isEdited ? '' : entry.hash }
  }

  #compareEnd(): void {
    const expected = this.#expected
    if (!expected || expected.seq === 0) return
    if (this.#head.seq < expected.seq) {
      const what = `${describeRange(this.#head.seq + 1, expected.seq)} removed from the end`
      this.#report(this.#head.seq + 1, null, what)
    } else if (this.#atExpected !== null && this.#atExpected !== expected.hash) {
      this.#report(expected.seq, null, 'is another entry than the one that Redis knows')
    }
  }

  #report(seq: number, place: Place | null, what: string): void {
    if (this.#faults.length >= maxFaults) return
    this.#faults.push({ tenant: this.#tenant, seq, file: place?.file.path ?? null, line: place?.line ?? null, what })
  }
}

interface Place {
  readonly file: LogFile
  readonly line: number | null
}

function describeRange(first: number, last: number): string {
  return first === last ? `entry ${first} was` : `entries ${first} to ${last} were`
}
