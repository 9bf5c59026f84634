import { BrokerError, type ErrorCode, errorRegistry } from '../core/errors.ts'
import type { AttemptPass } from '../core/node-pass.ts'
import type { AttemptStart } from '../core/ports.ts'
import type { AttemptRecord } from '../core/records.ts'
import type { CallAnswer } from '../protocol/node-calls.ts'
import type { AttemptFacts } from '../protocol/node-facts.ts'
import {
  laneOf,
  type NodeHandler,
  type NodeServiceDeps,
  openAttempt,
  openClaim,
  openLease,
  outcomeOf,
  refuse,
} from './node-service.ts'

type AttemptCall = 'start' | 'append' | 'retry' | 'end' | 'move-on' | 'park'

/**
 * The writes of a node. Its pass says which job, and where that may go; the fence in it says in the store, in one step with
 * the write, whether the attempt is still the job's own.
 */
export function attemptHandlers(deps: NodeServiceDeps): { readonly [Call in AttemptCall]: NodeHandler<Call> } {
  const { store } = deps
  return {
    ...passingOn(deps),

    async start(who, { lease, tokens, shut, inputPrice }) {
      const { lease: held, job, hop, deployment } = openLease(lease, who, deps)
      const desk = await deps.deskOf(who.pool)
      if (!(await desk.holds(held))) throw new BrokerError('lease_lost')
      const settings = deployment === '' ? null : deps.gateOf(deployment, who)
      const nowMs = Date.now()
      const gate = settings && { ...settings, tokens }
      const start = await store.startAttempt(job, {
        ...{ hop, ...who, nowMs, gate },
        // Sent again, it is still the claim of this delivery.
        claimId: held.token,
        ...(shut && { shut }),
        ...(inputPrice !== undefined && { inputPrice }),
      })
      return describeStart(start, { kind: 'attempt', ...who, job, hop }, nowMs, deps)
    },

    async append(who, { attempt, number, entries, isFirst, used }) {
      const { job, fence } = openClaim(attempt, who, deps)
      if (!entries.every(isOutput)) refuse('A node writes output, nothing else.')
      return { isOurs: await store.append(job, fence, entries, isFirst, used, number) }
    },

    async retry(who, { attempt, candidate, delayMs, attempts, record, resetOutput, gate }) {
      const pass = openClaim(attempt, who, deps)
      const isOurs = await store.retry(pass.job, pass.fence, {
        lane: laneOf(pass, candidate),
        candidate,
        hop: pass.hop + 1,
        readyAtMs: Date.now() + delayMs,
        attempts,
        attempt: recordOf(pass, pass.fence, record),
        resetOutput,
        ...outcomeOf(gate, pass, deps),
      })
      return { isOurs }
    },

    async end(who, { attempt, ending, resultJson, usage, error, attempts, cost, record, gate }) {
      const pass = openClaim(attempt, who, deps)
      const isOurs = await store.end(
        pass.job,
        ending,
        {
          ...(resultJson !== undefined && { resultJson }),
          ...(usage !== undefined && { usage }),
          ...(error && { error: { code: knownCode(error.code), message: error.message } }),
          ...(attempts && { attempts }),
          ...(cost !== undefined && { cost }),
          ...(record && { attempt: recordOf(pass, pass.fence, record) }),
          ...outcomeOf(gate, pass, deps),
          deployment: deploymentOf(pass),
          masked: pass.masked,
          pools: [...new Set(pass.candidates.map(({ pool }) => pool))],
        },
        pass.fence,
      )
      return { isOurs }
    },
  }
}

/** A job whose gate let nobody in goes to another candidate, or waits. */
function passingOn(deps: NodeServiceDeps): { readonly [Call in 'move-on' | 'park']: NodeHandler<Call> } {
  return {
    async 'move-on'(who, { attempt, candidate, delayMs }) {
      const pass = openAttempt(attempt, who, deps)
      const lane = laneOf(pass, candidate)
      const next = { fromHop: pass.hop, candidate, lane, readyAtMs: Date.now() + delayMs }
      return { isOurs: await deps.store.moveOn(pass.job, next) }
    },

    async park(who, { attempt, candidate, tokens }) {
      const pass = openAttempt(attempt, who, deps)
      const lane = laneOf(pass, candidate)
      const isOurs = await deps.gates.park(pass.job, {
        fromHop: pass.hop,
        candidate,
        deployment: deploymentOf({ ...pass, candidate }),
        lane,
        priority: pass.priority,
        tokens,
        nowMs: Date.now(),
      })
      return { isOurs }
    },
  }
}

function describeStart(
  start: AttemptStart,
  facts: Pick<AttemptPass, 'kind' | 'pool' | 'node' | 'job' | 'hop'>,
  nowMs: number,
  { passes, residencyOf }: NodeServiceDeps,
): CallAnswer<'start'> {
  if (start.kind === 'ended') return start
  if (start.kind === 'superseded') {
    const { readyAtMs, ...rest } = start
    return { ...rest, readyInMs: readyAtMs - nowMs }
  }
  // A cloud pool has no restricted lane to claim from; should there ever be one, its nodes still see nothing.
  if (start.sensitivity === 'restricted' && residencyOf(facts.pool) === 'cloud') refuse('The job may not leave.')
  const { plan, candidate, attempts, deadlineMs, sensitivity, priority } = start
  const fence = start.kind === 'go' ? start.fence : null
  const candidates = plan.candidates.map(({ deployment, pool }) => ({ deployment, pool }))
  const pass: AttemptPass = {
    ...facts,
    ...{ fence, candidate, candidates, sensitivity, priority, masked: plan.masked },
  }
  const visit = {
    attempt: passes.seal(pass),
    ...{ plan, candidate, attempts: [...attempts], deadlineInMs: deadlineMs - nowMs, sensitivity, priority },
  }
  if (start.kind === 'closed') {
    const { reason, opensAtMs } = start.closed
    return { kind: 'closed', ...visit, closed: { reason, opensInMs: opensAtMs === null ? null : opensAtMs - nowMs } }
  }
  const { isProbe, createdAtMs, hasOutput } = start
  // The pool was on-premises when this body was made for it. The node refuses the job, and need not see it for that.
  const isHidden = plan.candidates[candidate]?.isUnmasked === true && residencyOf(facts.pool) === 'cloud'
  const bodyJson = isHidden ? '{}' : start.bodyJson
  return { kind: 'go', ...visit, isProbe, fence: start.fence, bodyJson, createdAgoMs: nowMs - createdAtMs, hasOutput }
}

/** The row of the ledger: whose attempt it was is not for the node to say. */
function recordOf(pass: AttemptPass, fence: number, facts: AttemptFacts): AttemptRecord {
  return {
    ...facts,
    kind: 'attempt',
    job: pass.job,
    atMs: Date.now(),
    attemptId: `${pass.job}.${fence}`,
    deployment: deploymentOf(pass),
    pool: pass.pool,
  }
}

function deploymentOf({ candidates, candidate }: AttemptPass): string {
  return candidates[candidate]?.deployment ?? refuse('The job has no such candidate.')
}

/** Deltas and resets, without the characters that separate entries on their way to readers. */
function isOutput(entry: string): boolean {
  return /^output\.(?:delta|reset) /.test(entry) && !entry.includes('\x1e') && !entry.includes('\x1f')
}

function knownCode(code: string): ErrorCode {
  return Object.hasOwn(errorRegistry, code) ? (code as ErrorCode) : 'upstream_failed'
}
