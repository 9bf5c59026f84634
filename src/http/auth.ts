import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import type { Tenant } from '../core/tenant.ts'

/** Knows API keys by their SHA-256 only; the keys themselves are forgotten once they are hashed. */
export class KeyRing {
  /** By the first four bytes of the hash, which tell an attacker nothing about a key. */
  readonly #entries = new Map<number, { hash: Buffer; tenant: Tenant }[]>()

  add(entry: { key: string; name?: string | undefined }, whose: Omit<Tenant, 'keyId'>): void {
    const hash = hashKey(entry.key)
    const tenant = { ...whose, keyId: entry.name ?? `key_${hash.toString('hex', 0, 4)}` }
    const slot = hash.readUInt32BE()
    this.#entries.set(slot, [...(this.#entries.get(slot) ?? []), { hash, tenant }])
  }

  /** Compares in constant time: a key that differs late takes as long as one that differs early. */
  find(key: string): Tenant | null {
    const hash = hashKey(key)
    const candidates = this.#entries.get(hash.readUInt32BE()) ?? []
    return candidates.find((entry) => timingSafeEqual(entry.hash, hash))?.tenant ?? null
  }
}

/** The tenant of a request's `Authorization: Bearer` key. @throws BrokerError `invalid_api_key` */
export function authenticate(request: FastifyRequest, keyRing: KeyRing): Tenant {
  const header = request.headers.authorization
  const key = header?.match(/^Bearer +(\S+)$/i)?.[1]
  if (key === undefined) {
    throw new BrokerError('invalid_api_key', 'Send your API key as `Authorization: Bearer KEY`.')
  }
  const tenant = keyRing.find(key)
  if (tenant === null) throw new BrokerError('invalid_api_key', 'The API key is not known here.')
  return tenant
}

function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
