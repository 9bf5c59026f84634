import { createHmac, createSecretKey, hash as digest, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { AuditFacts, ChainHead } from './record-archive.ts'

/**
 * The chain of a tenant's audit entries. Each names the hash of the one before, so an entry that is edited, removed,
 * doubled or moved breaks the chain where it stood; each has a MAC, so that only the holder of the key can write a chain
 * that holds.
 *
 *     mac  = HMAC-SHA-256(key, canonical JSON of the entry without mac and hash)
 *     hash = SHA-256(canonical JSON of the entry with mac, without hash)
 *
 * A line in a file is the canonical JSON (RFC 8785) of the whole entry: every byte of it is covered, and can be checked
 * without the key but for the last entry's MAC. What the chain alone can't show is that its end was cut off: that takes
 * a head that is kept elsewhere.
 */
export interface ChainKey {
  /** Names the key in an entry; says nothing about it. */
  readonly id: string
  readonly secret: KeyObject
}

/** What stands before the first entry. */
export const chainStart: ChainHead = { seq: 0, hash: '0'.repeat(64) }

/** The key of the chains, made from `SLUICE_VAULT_KEY` (HKDF, RFC 5869) and of no use for opening vaults. */
export function deriveChainKey(vaultKey: Buffer): ChainKey {
  const derive = (info: string, length: number) => Buffer.from(hkdfSync('sha256', vaultKey, '', info, length))
  return {
    id: derive('sluice audit chain v1 id', 4).toString('hex'),
    secret: createSecretKey(derive('sluice audit chain v1', 32)),
  }
}

/** The line for the entry after `head`, and where the chain ends then. */
export function chainEntry(head: ChainHead, facts: AuditFacts, key: ChainKey): { line: string; head: ChainHead } {
  const seq = head.seq + 1
  const parts = partsOf({ v: 1, seq, ...facts, prev: head.hash, kid: key.id })
  const mac = macOf(joinParts(parts), key)
  const hash = hashOf(joinParts(parts, { mac }))
  return { line: joinParts(parts, { mac, hash }), head: { seq, hash } }
}

/** An entry as it stands in a file. */
export interface ChainedEntry {
  readonly seq: number
  readonly id: string
  readonly at: number
  readonly tenant: string
  readonly job: string
  readonly kind: string
  readonly prev: string
  readonly kid: string
  readonly mac: string
  readonly hash: string
}

/** Reads a line without checking it; null when it is no entry at all. */
export function parseEntry(line: string): ChainedEntry | null {
  try {
    const entry: unknown = JSON.parse(line)
    return isEntry(entry) ? entry : null
  } catch {
    return null
  }
}

export type EntryFault = 'edited' | 'sealed with another key'

/**
 * What is wrong with an entry by itself; null when nothing is. Without its key the MAC is covered by the hash only;
 * `unchecked` tells that the MAC was made with a key that is not here.
 */
export function checkEntry(
  line: string,
  entry: ChainedEntry,
  keys: readonly ChainKey[],
): EntryFault | 'unchecked' | null {
  const parts = partsOf(entry)
  const { mac, hash } = entry
  if (joinParts(parts, { mac, hash }) !== line) return 'edited'
  if (hashOf(joinParts(parts, { mac })) !== hash) return 'edited'
  const key = keys.find(({ id }) => id === entry.kid)
  if (!key) return 'unchecked'
  return isSame(mac, macOf(joinParts(parts), key)) ? null : 'sealed with another key'
}

/** JSON as RFC 8785 writes it: no blanks, keys in the order of their UTF-16 units. Numbers and texts are JSON's own. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${writeFields(value, Object.keys(value).sort())}}`
}

function writeFields(value: object, names: readonly string[]): string {
  let json = ''
  for (const name of names) {
    const field = (value as Record<string, unknown>)[name]
    if (field === undefined) continue
    if (json !== '') json += ','
    json += `${JSON.stringify(name)}:${canonicalJson(field)}`
  }
  return json
}

/**
 * The canonical fields of an entry before its hash, between hash and mac, and after: it is needed without the two, and
 * written only once. None of the three is empty: `at`, `id` and `prev` are in every entry.
 */
type EntryParts = readonly [string, string, string]

function partsOf(entry: object): EntryParts {
  const names = Object.keys(entry).sort()
  const write = (from: string, to: string) =>
    writeFields(
      entry,
      names.filter((name) => name > from && name < to),
    )
  return [write('', 'hash'), write('hash', 'mac'), write('mac', '\uffff')]
}

function joinParts([first, second, third]: EntryParts, { mac, hash }: { mac?: string; hash?: string } = {}): string {
  const hashField = hash === undefined ? '' : `"hash":${JSON.stringify(hash)},`
  const macField = mac === undefined ? '' : `"mac":${JSON.stringify(mac)},`
  return `{${first},${hashField}${second},${macField}${third}}`
}

function macOf(json: string, { secret }: ChainKey): string {
  return createHmac('sha256', secret).update(json).digest('hex')
}

function hashOf(json: string): string {
  return digest('sha256', json)
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function isEntry(value: unknown): value is ChainedEntry {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Record<string, unknown>
  const texts = ['id', 'tenant', 'job', 'kind', 'prev', 'kid', 'mac', 'hash']
  const numbers = ['seq', 'at']
  return (
    texts.every((name) => typeof fields[name] === 'string') &&
    numbers.every((name) => Number.isSafeInteger(fields[name]))
  )
}
