import type { JobId } from '../core/job.ts'
import type { JobEvent, TerminalFacts } from '../core/job-event.ts'
import { restoreJson } from '../core/pii/restore.ts'
import { ChunkRestorer } from '../core/pii/restore-stream.ts'
import type { JobStore } from '../core/ports.ts'

/**
 * The reader's side of a job: puts the original values back where an upstream saw placeholders. A dispatcher never
 * does this; it has no key to the vault.
 */
export async function restoreResult(
  store: JobStore,
  job: { id: JobId; masked: boolean },
  storedJson: string,
): Promise<string> {
  if (!job.masked) return storedJson
  return restoreJson(storedJson, await store.readVault(job.id))
}

/**
 * Restores an event stream, one event out for each event in, so that sequence numbers keep their meaning. A placeholder
 * may be split over deltas: what an event shows depends on the events before it, so every stream, a resumed one too,
 * is restored from its first event on.
 */
export class EventRestorer {
  readonly #store: JobStore
  readonly #id: JobId
  #vault: ReadonlyMap<string, string> | null = null
  #chunks: ChunkRestorer | null = null

  constructor(store: JobStore, id: JobId) {
    this.#store = store
    this.#id = id
  }

  async restore(event: JobEvent): Promise<JobEvent> {
    if (event.type === 'job.in_progress' && (JSON.parse(event.data) as { masked: boolean }).masked) {
      this.#vault ??= await this.#store.readVault(this.#id)
      this.#chunks ??= new ChunkRestorer(this.#vault)
    }
    // Nothing of a run that was given up may be held back into the next one.
    if (event.type === 'output.reset' && this.#vault) this.#chunks = new ChunkRestorer(this.#vault)
    if (event.type !== 'output.delta' || !this.#chunks) return event
    return { ...event, data: this.#chunks.restore(event.data) }
  }
}

export function terminalFacts(event: JobEvent): TerminalFacts {
  return JSON.parse(event.data) as TerminalFacts
}
