import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from 'node:crypto'
import { takeRandomBytes } from '../core/random-bytes.ts'

/** The master keys, 32 bytes each: the current one seals, the previous ones still open what they sealed. */
export interface VaultKeys {
  readonly current: Buffer
  readonly previous: readonly Buffer[]
}

/** What a sealed text belongs to. It is authenticated: moved to another job or field, a sealed text does not open. */
export interface SealContext {
  readonly job: string
  readonly field: string
}

/**
 * Encrypts what Redis must not hold in the clear. Each job has a random key of its own, and every text sealed for the job
 * carries that key, encrypted with the master key: who deletes a job's sealed texts has shredded them, backups of the
 * master key or not.
 */
export interface Sealer {
  seal(text: string, context: SealContext): string
  /**
   * Returns text that was never sealed as it is. @throws UnknownVaultKeyError when the key is not on the ring; Error when
   * the text was changed or moved.
   */
  open(text: string, context: SealContext): string
}

/** A text was sealed with a master key that this process was not given. */
export class UnknownVaultKeyError extends Error {
  override readonly name = 'UnknownVaultKeyError'

  constructor(keyId: string) {
    super(`sealed with the vault key ${keyId}, which is neither SLUICE_VAULT_KEY nor one of SLUICE_VAULT_KEY_PREVIOUS`)
  }
}

/** The first 8 hex digits of the key's SHA-256: tells keys apart and tells nothing of them. */
export function vaultKeyId(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8)
}

/**
 * AES-256-GCM throughout, a fresh 96-bit nonce each time (NIST SP 800-38D). Written as
 * `sealed:v2:<key id>:<the job's key, encrypted>:<the text, encrypted>`, both as nonce, tag and ciphertext in base64.
 * Texts of the first version, `sealed:v1:`, which the master key encrypted itself, still open.
 */
export function createSealer(keys: Buffer | VaultKeys): Sealer {
  const { current, previous } = Buffer.isBuffer(keys) ? { current: keys, previous: [] } : keys
  const ring = new Map([current, ...previous].map((bytes) => [vaultKeyId(bytes), masterKey(bytes)]))
  const currentId = vaultKeyId(current)
  const currentKey = masterKey(current)
  const recent = new RecentKeys()

  function newDataKey(job: string): DataKey {
    const bytes = takeRandomBytes(32)
    const wrapped = encrypt(currentKey, bytes, wrapContext(job)).toString('base64')
    const dataKey = { key: createSecretKey(bytes), wrapped: `${currentId}:${wrapped}` }
    recent.add(job, dataKey)
    return dataKey
  }

  function unwrap(keyId: string, wrapped: string, job: string): KeyObject {
    const master = ring.get(keyId)
    if (!master) throw new UnknownVaultKeyError(keyId)
    const key = createSecretKey(decrypt(master, Buffer.from(wrapped, 'base64'), wrapContext(job)))
    // What is sealed next for this job gets the same key, unless a retired master key wrapped it.
    if (keyId === currentId) recent.add(job, { key, wrapped: `${keyId}:${wrapped}` })
    return key
  }

  return {
    seal(text, { job, field }) {
      const { key, wrapped } = recent.get(job) ?? newDataKey(job)
      const sealed = encrypt(key, Buffer.from(text, 'utf8'), textContext(job, field))
      return `${prefix}${wrapped}:${sealed.toString('base64')}`
    },
    open(text, { job, field }) {
      if (text.startsWith(firstPrefix)) return openFirst(text, [...ring.values()], textContext(job, field))
      if (!text.startsWith(prefix)) return text
      const [keyId = '', wrapped = '', sealed = ''] = text.slice(prefix.length).split(':')
      const key = recent.get(job, `${keyId}:${wrapped}`)?.key ?? unwrap(keyId, wrapped, job)
      return decrypt(key, Buffer.from(sealed, 'base64'), textContext(job, field)).toString('utf8')
    },
  }
}

const prefix = 'sealed:v2:'
const firstPrefix = 'sealed:v1:'
const nonceBytes = 12
const tagBytes = 16

interface DataKey {
  readonly key: KeyObject
  /** As it is written into sealed texts: master key id and encrypted key. */
  readonly wrapped: string
}

/** The keys of jobs that were sealed or opened just now: a job's body and vault then share one. Bounded. */
class RecentKeys {
  readonly #keys = new Map<string, DataKey>()

  add(job: string, dataKey: DataKey): void {
    this.#keys.delete(job)
    this.#keys.set(job, dataKey)
    if (this.#keys.size <= mostRecent) return
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest)
      return
    }
  }

  /** `wrapped`: only if it is that key. */
  get(job: string, wrapped?: string): DataKey | undefined {
    const known = this.#keys.get(job)
    return wrapped === undefined || known?.wrapped === wrapped ? known : undefined
  }
}

const mostRecent = 512

function masterKey(bytes: Buffer): KeyObject {
  if (bytes.length !== 32) throw new RangeError('a vault key must be 32 bytes')
  return createSecretKey(bytes)
}

/** Job ids and field names have no blanks, so no two contexts are written alike. */
function textContext(job: string, field: string): Buffer {
  return Buffer.from(`${job} ${field}`)
}

function wrapContext(job: string): Buffer {
  return Buffer.from(`${job} data key`)
}

function encrypt(key: KeyObject, bytes: Buffer, context: Buffer): Buffer {
  const nonce = takeRandomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context)
  const encrypted = [cipher.update(bytes), cipher.final()]
  return Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted])
}

function decrypt(key: KeyObject, bytes: Buffer, context: Buffer): Buffer {
  const textStart = nonceBytes + tagBytes
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(context)
    .setAuthTag(bytes.subarray(nonceBytes, textStart))
  return Buffer.concat([decipher.update(bytes.subarray(textStart)), decipher.final()])
}

/** The first version did not say which key. */
function openFirst(text: string, keys: readonly KeyObject[], context: Buffer): string {
  const bytes = Buffer.from(text.slice(firstPrefix.length), 'base64')
  let failure: unknown
  for (const key of keys) {
    try {
      return decrypt(key, bytes, context).toString('utf8')
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
