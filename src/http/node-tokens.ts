import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import type { NodeIdentity } from '../core/node-pass.ts'
import { nodeHeader, nodeNamePattern, poolHeader, protocolHeader, protocolVersion } from '../protocol/node-calls.ts'

/** Knows node tokens by their SHA-256 only, each with the pool that it is good for. */
export class NodeTokens {
  readonly #entries: { readonly hash: Buffer; readonly pool: string }[] = []

  add(token: string, pool: string): void {
    this.#entries.push({ hash: hashOf(token), pool })
  }

  /** The pools that a token is good for. Compares with every token in constant time. */
  find(token: string): readonly string[] {
    const hash = hashOf(token)
    return this.#entries.filter((entry) => timingSafeEqual(entry.hash, hash)).map(({ pool }) => pool)
  }
}

/**
 * Who makes a call, and that it may.
 * @throws BrokerError `node_protocol_mismatch`, `invalid_node_token`, `node_forbidden`, `invalid_header`
 */
export function authenticateNode(request: FastifyRequest, tokens: NodeTokens): NodeIdentity {
  const version = headerOf(request, protocolHeader)
  if (version !== String(protocolVersion)) {
    throw new BrokerError(
      'node_protocol_mismatch',
      `This broker speaks version ${protocolVersion} of the protocol, the node ${version?.slice(0, 20) ?? 'none'}: run the same release on both.`,
    )
  }
  const token = request.headers.authorization?.match(/^Bearer +(\S+)$/i)?.[1]
  if (token === undefined) {
    throw new BrokerError('invalid_node_token', 'Send the node token as `Authorization: Bearer TOKEN`.')
  }
  const pools = tokens.find(token)
  if (pools.length === 0) {
    throw new BrokerError('invalid_node_token', 'The token is in no pool’s node_tokens here.')
  }
  const pool = headerOf(request, poolHeader) ?? ''
  if (!pools.includes(pool)) {
    throw new BrokerError('node_forbidden', `The token is not for the pool "${pool.slice(0, 100)}".`)
  }
  const node = headerOf(request, nodeHeader) ?? ''
  if (!nodeNamePattern.test(node)) {
    throw new BrokerError(
      'invalid_header',
      `The header ${nodeHeader} needs a name of 1 to 100 letters, digits, ".", "_" or "-".`,
    )
  }
  return { pool, node }
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
