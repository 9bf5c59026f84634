import type { Redis } from 'ioredis'
import { providerPresets } from '../config/provider-presets.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../core/telemetry.ts'
import type { TakePlace } from '../pipeline/direct-work.ts'
import { coalesceWrites } from '../store/coalesce-writes.ts'
import { connectRedis, type RedisAddress, type RedisPurpose } from '../store/redis.ts'
import { RedisJobStore } from '../store/redis-job-store.ts'
import { createSealer, type VaultKeys } from '../store/sealing.ts'
import type { RunningTelemetry } from '../telemetry/tracing.ts'

/** What every role is started with. */
export interface Runtime {
  readonly config: Config
  readonly redis: RedisAddress
  /** `SLUICE_VAULT_KEY` and those before it, for the roles that may hold them. */
  readonly vaultKey: VaultKeys | null
  /** `SLUICE_ADMIN_KEY`; without one there is no admin API. */
  readonly adminKey: string | null
  /** Name of this process among its like; a dispatcher's node. */
  readonly node: string
  readonly telemetry: RunningTelemetry
  readonly log: Logger
  /** Set where several roles share a process. */
  readonly shared?: SharedProcess
}

/**
 * What roles in one process share to spare round trips. Everything still goes through the same queues and the same
 * scripts; a process of its own for each role needs none of this.
 */
export class SharedProcess {
  readonly #bells = new Map<string, (name: string) => void>()
  readonly #direct = new Map<string, TakePlace>()
  #arrived = () => {}
  #redis: Redis | null = null

  /** One connection for all workers: commands of one role and the next then leave together and in order. */
  workerConnection(open: () => Redis): Redis {
    this.#redis ??= open()
    return this.#redis
  }

  /** Tells the consumer of a queue, if it lives here, that something was added. */
  readonly ring = (name: string): void => this.#bells.get(name)?.(name)

  onRing(names: readonly string[], bell: (name: string) => void): void {
    for (const name of names) this.#bells.set(name, bell)
  }

  /** Room at the dispatcher of a lane's pool; null where it has none. */
  readonly takePlace: TakePlace = (lane, deployment) => {
    this.#arrived()
    return this.#direct.get(lane.pool)?.(lane, deployment) ?? null
  }

  /** Tells of each job that was audited on arrival: somebody waits for it. */
  onArrival(listener: () => void): void {
    this.#arrived = listener
  }

  onTakePlace(pool: string, takePlace: TakePlace): void {
    this.#direct.set(pool, takePlace)
  }

  /** Closes what is shared. Call it when all roles have stopped. */
  close(): void {
    this.#redis?.disconnect()
  }
}

/** A role at work. */
export interface RunningRole {
  readonly name: string
  /** Rejects with the reason when the role can't do its work. */
  checkReady(): Promise<void>
  /** Takes nothing new, finishes what is in flight within `graceMs`, hands back the rest, closes everything. */
  stop(graceMs: number): Promise<void>
}

export function connect(runtime: Runtime, purpose: RedisPurpose): Redis {
  const { shared } = runtime
  if (shared && purpose === 'worker') return shared.workerConnection(() => open(runtime, purpose))
  return open(runtime, purpose)
}

/** Closes a role's own connection; a shared one stays for the others. */
export function disconnect(runtime: Runtime, redis: Redis): void {
  if (!runtime.shared) redis.disconnect()
}

function open(runtime: Runtime, purpose: RedisPurpose): Redis {
  const redis = connectRedis(runtime.redis, purpose, { logger: runtime.log, name: `sluice-${purpose}-${runtime.node}` })
  if (purpose === 'api' || purpose === 'worker') coalesceWrites(redis)
  return redis
}

export function createStore(runtime: Runtime, redis: Redis): RedisJobStore {
  return new RedisJobStore({
    redis,
    sealer: runtime.vaultKey ? createSealer(runtime.vaultKey) : null,
    resultRetentionMs: runtime.config.retention.results,
    eventRetentionMs: runtime.config.retention.events,
  })
}

/** The roles that read what callers wrote hold the vault key. @throws Error where it is missing. */
export function requireVaultKey(runtime: Pick<Runtime, 'vaultKey'>, role: string): NonNullable<Runtime['vaultKey']> {
  if (!runtime.vaultKey) throw new Error(`The ${role} needs SLUICE_VAULT_KEY: 32 random bytes in base64.`)
  return runtime.vaultKey
}

export const presets = providerPresets
