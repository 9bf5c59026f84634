import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { JobId } from './job.ts'
import type { Lease } from './lease-desk.ts'
import type { Priority, Sensitivity } from './vocabulary.ts'

/** Whom a pass is for: a node, and the pool that its token is good for. */
export interface NodeIdentity {
  readonly pool: string
  readonly node: string
}

/** A queue entry that a node holds. */
export interface LeasePass extends NodeIdentity {
  readonly kind: 'lease'
  readonly lease: Lease
  readonly job: JobId
  readonly hop: number
  readonly deployment: string
}

/** A job that a node may write to, with what the broker must know of it to check what the node asks for. */
export interface AttemptPass extends NodeIdentity {
  readonly kind: 'attempt'
  readonly job: JobId
  readonly hop: number
  /** Null where the gate let nobody in: then the job may only be handed on. */
  readonly fence: number | null
  readonly candidate: number
  readonly candidates: readonly { readonly deployment: string; readonly pool: string }[]
  readonly sensitivity: Sensitivity
  readonly priority: Priority
  readonly masked: boolean
}

export type NodePass = LeasePass | AttemptPass

/**
 * Signs what a node is trusted with and has to show again, so that the broker looks nothing up and any of its processes
 * can check it. A pass holds no content, and is worth nothing to another node or with another pool's token. How long it
 * is good is not its business: a lease is a lock in Redis, an attempt a fence in the store.
 */
export class NodePasses {
  readonly #keys: readonly Buffer[]

  /** `secrets`: the first one signs, the others are still believed, so that a secret can be replaced. */
  constructor(secrets: readonly Buffer[]) {
    this.#keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'sluice node pass', 32)))
  }

  seal(pass: NodePass): string {
    const [key] = this.#keys
    if (!key) throw new RangeError('no secret to sign with')
    const text = Buffer.from(JSON.stringify(pass)).toString('base64url')
    return `${text}.${sign(text, key).toString('base64url')}`
  }

  /** Null for what this broker did not sign, or signed for somebody else or as something else. */
  open<Kind extends NodePass['kind']>(
    kind: Kind,
    sealed: string,
    who: NodeIdentity,
  ): Extract<NodePass, { kind: Kind }> | null {
    const [text = '', signature = ''] = sealed.split('.')
    const given = Buffer.from(signature, 'base64url')
    const isGenuine = this.#keys.some((key) => {
      const expected = sign(text, key)
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
    if (!isGenuine) return null
    const pass = JSON.parse(Buffer.from(text, 'base64url').toString()) as NodePass
    const isTheirs = pass.kind === kind && pass.pool === who.pool && pass.node === who.node
    return isTheirs ? (pass as Extract<NodePass, { kind: Kind }>) : null
  }
}

function sign(text: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
