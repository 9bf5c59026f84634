import assert from 'node:assert/strict'
import type { GateClosedReason, GateOutcome } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import type { AttemptStart, AttemptStore, Lane, LaneEntry, LaneQueues } from '../core/ports.ts'
import type { AttemptRecord } from '../core/records.ts'
import type { CallAnswer } from '../protocol/node-calls.ts'
import type { AttemptFacts } from '../protocol/node-facts.ts'
import type { BrokerClient } from './broker-client.ts'
import type { HeldJob, HeldJobs } from './held-jobs.ts'

/** The store as a node sees it over HTTPS: `core/ports.ts` says what each method promises, the broker keeps it. */
export class RemoteJobStore implements AttemptStore {
  readonly #broker: BrokerClient
  readonly #jobs: HeldJobs

  constructor(broker: BrokerClient, jobs: HeldJobs) {
    this.#broker = broker
    this.#jobs = jobs
  }

  async startAttempt(id: JobId, claim: Parameters<AttemptStore['startAttempt']>[1]): Promise<AttemptStart> {
    const held = this.#jobs.byHop(id, claim.hop)
    assert.ok(held, 'what is started is held')
    const { gate, inputPrice } = claim
    const shut = claim.shut === true
    const request = {
      lease: held.lease,
      tokens: gate?.tokens ?? 0,
      ...(shut && { shut }),
      ...(inputPrice !== undefined && { inputPrice }),
    }
    // A lease that is lost rejects: an entry that is not ours any more must not be ended by us either.
    return toStart(held, await this.#broker.call('start', request))
  }

  async append(...[id, fence, entries, isFirst, used]: Parameters<AttemptStore['append']>): Promise<boolean> {
    const held = this.#jobs.byFence(id, fence)
    if (!held?.attempt) return false
    held.writes += 1
    const request = {
      attempt: held.attempt,
      number: held.writes,
      entries: [...entries],
      isFirst,
      ...(used && { used }),
    }
    return (await this.#broker.call('append', request)).isOurs
  }

  async retry(...[id, fence, next]: Parameters<AttemptStore['retry']>): Promise<boolean> {
    const attempt = this.#jobs.byFence(id, fence)?.attempt
    if (!attempt) return false
    const { candidate, readyAtMs, attempts, resetOutput, gate } = next
    const answer = await this.#broker.call('retry', {
      ...{ attempt, candidate, attempts: [...attempts], resetOutput },
      delayMs: Math.max(0, readyAtMs - Date.now()),
      record: factsOf(next.attempt),
      ...gateOf(gate),
    })
    return answer.isOurs
  }

  async end(...[id, ending, facts, fence]: Parameters<AttemptStore['end']>): Promise<boolean> {
    const attempt = fence === undefined ? null : this.#jobs.byFence(id, fence)?.attempt
    if (!attempt || (ending !== 'complete' && ending !== 'fail' && ending !== 'expire')) return false
    const { resultJson, usage, error, attempts, cost, gate } = facts
    const answer = await this.#broker.call('end', {
      attempt,
      ending,
      ...(resultJson !== undefined && { resultJson }),
      ...(usage !== undefined && { usage }),
      ...(error && { error }),
      ...(attempts && { attempts: [...attempts] }),
      ...(cost !== undefined && { cost }),
      ...(facts.attempt && { record: factsOf(facts.attempt) }),
      ...gateOf(gate),
    })
    return answer.isOurs
  }

  async moveOn(id: JobId, next: Parameters<AttemptStore['moveOn']>[1]): Promise<boolean> {
    const attempt = this.#jobs.byHop(id, next.fromHop)?.attempt
    if (!attempt) return false
    const delayMs = Math.max(0, next.readyAtMs - Date.now())
    return (await this.#broker.call('move-on', { attempt, candidate: next.candidate, delayMs })).isOurs
  }
}

/** The broker knows where each job belongs by now, so nothing is sent along that could be wrong. */
export class RemoteQueues implements LaneQueues {
  readonly #broker: BrokerClient
  readonly #jobs: HeldJobs

  constructor(broker: BrokerClient, jobs: HeldJobs) {
    this.#broker = broker
    this.#jobs = jobs
  }

  async addToLane(_lane: Lane, { id, traceparent }: LaneEntry): Promise<void> {
    const held = this.#jobs.ofJob(id)
    if (held) await this.#broker.call('hand-over', { lease: held.lease, traceparent })
  }
}

function toStart(held: HeldJob, answer: CallAnswer<'start'>): AttemptStart {
  const nowMs = Date.now()
  if (answer.kind === 'ended') return answer
  if (answer.kind === 'superseded') {
    const { readyInMs, ...rest } = answer
    return { ...rest, readyAtMs: nowMs + readyInMs }
  }
  const { attempt, deadlineInMs, ...facts } = answer
  held.attempt = attempt
  const deadlineMs = nowMs + deadlineInMs
  if (facts.kind === 'closed') {
    const { reason, opensInMs } = facts.closed
    const opensAtMs = opensInMs === null ? null : nowMs + opensInMs
    return { ...facts, deadlineMs, closed: { reason: reason as GateClosedReason, opensAtMs } }
  }
  held.fence = facts.fence
  const { createdAgoMs, ...rest } = facts
  return { ...rest, deadlineMs, createdAtMs: nowMs - createdAgoMs }
}

function factsOf({ kind, job, atMs, attemptId, pool, deployment, ...facts }: AttemptRecord): AttemptFacts {
  return facts
}

function gateOf(outcome: GateOutcome | undefined) {
  return outcome && { gate: { outcome: outcome.outcome, stayAwayMs: outcome.stayAwayMs, tokens: outcome.tokens } }
}
