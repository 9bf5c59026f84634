import type { CachedAnswer } from '../core/answer-cache.ts'
import type { JobId, JobRecord } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { JobStore, Queues } from '../core/ports.ts'
import type { OwnedRecord, RecordObserver } from '../core/record-archive.ts'
import type { EndRecord } from '../core/records.ts'
import { answerFrom, flightTtlMs, type RecallDeps } from './recall-answer.ts'

export interface LandDeps extends RecallDeps {
  readonly store: JobStore
  readonly queues: Queues
  /** The pools that may have a copy of the body of a job for a model. */
  readonly poolsOf: (model: string) => readonly string[]
  /** Notes under which key the answer of a job is kept; false where the job was destroyed meanwhile. */
  readonly noteCached: (job: JobId, key: string) => Promise<boolean>
}

/**
 * Takes down what waited for the answer of another job. The leader's answer is kept, and every follower ends with it;
 * where the leader came to nothing, the next one that is still wanted leads. Each step may be done again: the hand-over
 * comes first, what it makes superfluous is forgotten after it.
 */
export class FlightLander implements RecordObserver {
  readonly #deps: LandDeps

  constructor(deps: LandDeps) {
    this.#deps = deps
  }

  async observe(batch: readonly OwnedRecord[]): Promise<void> {
    const ends = batch.flatMap(({ record }) => (record.kind === 'end' ? [record] : []))
    const byJob = new Map(ends.map((end) => [end.job, end]))
    for (const { job, key, followers } of await this.#deps.flights.leading([...byJob.keys()])) {
      const end = byJob.get(job)
      const answer = end?.status === 'completed' ? await this.#answerOf(end) : null
      if (answer) await this.#land(key, answer, followers)
      else await this.#passOn(key, job, followers)
    }
  }

  async #answerOf({ job }: EndRecord): Promise<CachedAnswer | null> {
    const [record, bodyJson] = await Promise.all([this.#deps.store.read(job), this.#deps.store.readResult(job)])
    if (!record || bodyJson === null) return null
    return { bodyJson, usage: record.usage, deployment: record.deployment ?? '', job }
  }

  async #land(key: string, answer: CachedAnswer, followers: readonly JobId[]): Promise<void> {
    const { store, flights } = this.#deps
    await this.#keep(key, answer)
    let waiting = followers
    do {
      for (const id of waiting) {
        const record = await store.read(id)
        if (record && !isTerminal(record.status)) await answerFrom(this.#recipientOf(record), answer, 'shared', store)
      }
      waiting = await flights.landed(key, answer.job, waiting)
    } while (waiting.length > 0)
  }

  async #keep(key: string, answer: CachedAnswer): Promise<void> {
    const { store, cache, policyOf, noteCached, log } = this.#deps
    const record = await store.read(answer.job)
    const policy = record && policyOf(record.spec.model)
    if (!policy || Buffer.byteLength(answer.bodyJson) > policy.maxBytes) return
    try {
      await cache.keep(key, answer, policy.ttlMs)
    } catch (error) {
      log.warn({ err: error }, 'an answer could not be kept')
      return
    }
    // Whoever destroys the job forgets the answer after that: one of the two sees what the other has done.
    if (!(await noteCached(answer.job, key))) await cache.forget(key, answer.job)
  }

  /** The first follower that still wants an answer works for itself, and leads the others. */
  async #passOn(key: string, leader: JobId, followers: readonly JobId[]): Promise<void> {
    const { store, queues, flights } = this.#deps
    for (const id of followers) {
      const start = await store.startAudit(id)
      if (start.kind !== 'routed') continue
      const { lane, hop, deployment, spec } = start
      await queues.addToLane(lane, { id, hop, deployment, traceparent: spec.traceparent })
      return flights.succeed(key, leader, id, flightTtlMs(spec))
    }
    const later = await flights.landed(key, leader, followers)
    if (later.length > 0) await this.#passOn(key, leader, later)
  }

  #recipientOf({ id, spec, masked }: JobRecord) {
    return { id, spec, masked: Object.keys(masked).length > 0, pools: this.#deps.poolsOf(spec.model) }
  }
}
