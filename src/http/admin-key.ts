import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'

/** The operator's key, known by its SHA-256 only. */
export class AdminKey {
  readonly #hash: Buffer

  constructor(key: string) {
    this.#hash = hashOf(key)
  }

  /** Compares in constant time. @throws BrokerError `invalid_api_key` */
  check(request: FastifyRequest): void {
    const key = request.headers.authorization?.match(/^Bearer +(\S+)$/i)?.[1]
    if (key === undefined) {
      throw new BrokerError(
        'invalid_api_key',
        'Send the operator’s key (SLUICE_ADMIN_KEY) as `Authorization: Bearer KEY`.',
      )
    }
    if (!timingSafeEqual(hashOf(key), this.#hash)) {
      throw new BrokerError('invalid_api_key', 'This is not the operator’s key; keys of tenants open nothing here.')
    }
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
