import type { ProviderFailure } from '../core/provider.ts'

/** Silence is what a dead server on a Mac looks like, whatever its `/health` says. */
const silences: ReadonlySet<ProviderFailure> = new Set(['first_byte_timeout', 'idle_timeout'])
/** These happen to a server that is well, but not again and again. */
const faults: ReadonlySet<ProviderFailure> = new Set([
  'connection',
  'connect_timeout',
  'total_timeout',
  'cut_stream',
  'server_error',
  'invalid_response',
])
const faultsAllowed = 2
const firstProbeAfterMs = 1_000
const longestPauseMs = 120_000

/**
 * Whether a deployment on this node is suspected to be dead. A suspected one gets no jobs; while its server is idle it is
 * asked for one token, sooner at first and then ever less often, and an answer clears it. Nothing is probed as routine.
 */
export class Suspicion {
  /** Why it is suspected; null while it is not. */
  reason: string | null = null
  #faults = 0
  #probes = 0
  #nextProbeAtMs = 0

  succeeded(): void {
    this.#faults = 0
    this.#probes = 0
    this.reason = null
  }

  failed(failure: ProviderFailure, nowMs: number): void {
    if (silences.has(failure)) this.#suspect(failure, nowMs)
    else if (faults.has(failure)) {
      this.#faults += 1
      if (this.#faults > faultsAllowed) this.#suspect(failure, nowMs)
    }
  }

  isProbeDue(nowMs: number): boolean {
    return this.reason !== null && nowMs >= this.#nextProbeAtMs
  }

  probeFailed(nowMs: number): void {
    this.#probes += 1
    this.#nextProbeAtMs = nowMs + Math.min(longestPauseMs, firstProbeAfterMs * 2 ** this.#probes)
  }

  #suspect(failure: ProviderFailure, nowMs: number): void {
    if (this.reason !== null) return
    this.reason = `suspected after ${failure}`
    this.#nextProbeAtMs = nowMs + firstProbeAfterMs
  }
}
