import type { JobId } from '../core/job.ts'
import type { JobEvent, TerminalFacts } from '../core/job-event.ts'
import { restoreJson } from '../core/pii/restore.ts'
import { ChunkRestorer } from '../core/pii/restore-stream.ts'
import type { JobStore } from '../core/ports.ts'
import type { Endpoint } from '../core/vocabulary.ts'
import { type DeliveryDeps, mustSeeWhole, reviewAnswerOf } from './review-answer.ts'

/**
 * The reader's side of a job: what the tenant's policy lets out of the answer, with the original values put back where an
 * upstream saw placeholders. A dispatcher never does this; it has no key to the vault.
 * @throws BrokerError `answer_blocked`, `detector_unavailable`
 */
export async function deliverResult(
  job: { id: JobId; tenant: string; endpoint: Endpoint; masked: boolean },
  storedJson: string,
  deps: DeliveryDeps,
): Promise<string> {
  // Vectors hold no words: nothing to put back, and no detector reads them.
  if (job.endpoint === '/v1/embeddings') return storedJson
  // Restored first: what a review redacts looks like a placeholder, and must not be taken for one.
  const restored = job.masked ? restoreJson(storedJson, await deps.store.readVault(job.id)) : storedJson
  return reviewAnswerOf(job, restored, deps)
}

/** Looks through an answer whose reader got it in pieces, for the audit trail. */
export async function reviewStreamed(
  job: { id: JobId; tenant: string },
  last: JobEvent,
  deps: DeliveryDeps,
): Promise<void> {
  if (last.type !== 'job.completed' || deps.auditing.of(job.tenant).policy.answers !== 'report') return
  const stored = await deps.store.readResult(job.id)
  if (stored === null) return
  const facts = { ...job, endpoint: '/v1/chat/completions', masked: terminalFacts(last).masked } as const
  await deliverResult(facts, stored, deps)
}

/**
 * Restores an event stream, one event out for each event in, so that sequence numbers keep their meaning. A placeholder
 * may be split over deltas: what an event shows depends on the events before it, so every stream, a resumed one too,
 * is restored from its first event on. Where the policy wants to see an answer as a whole, deltas are withheld: an event
 * each still, without its text.
 */
export class EventRestorer {
  readonly #store: JobStore
  readonly #id: JobId
  readonly #withholds: boolean
  #vault: ReadonlyMap<string, string> | null = null
  #chunks: ChunkRestorer | null = null

  constructor(job: { id: JobId; tenant: string }, { store, auditing }: DeliveryDeps) {
    this.#store = store
    this.#id = job.id
    this.#withholds = mustSeeWhole(auditing, job.tenant)
  }

  async restore(event: JobEvent): Promise<JobEvent> {
    if (this.#withholds) return event.type === 'output.delta' ? { ...event, data: withheld } : event
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

const withheld = JSON.stringify({ object: 'chat.completion.chunk', choices: [], withheld: true })

export function terminalFacts(event: JobEvent): TerminalFacts {
  return JSON.parse(event.data) as TerminalFacts
}
