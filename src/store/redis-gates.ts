import type { Redis } from 'ioredis'
import type { GateClaim, GateClosedReason, Gates, GateView, WokenJob } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import { priorities } from '../core/vocabulary.ts'
import { clockOf, decodeLane, encodeLane, type GateTiming, gateTiming, limitArgs } from './attempt-arguments.ts'
import { gateScripts } from './gate-scripts.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

const viewLength = 6

/** The gates on Redis; `core/gate.ts` says what each method promises. Redis without Cluster. */
export class RedisGates implements Gates {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof gateScripts>
  readonly #timing: GateTiming

  constructor(redis: Redis, timing: GateTiming = gateTiming) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'gate', gateScripts)
    this.#timing = timing
  }

  async peek(gates: readonly Omit<GateClaim, 'tokens'>[], nowMs: number): Promise<readonly GateView[]> {
    if (gates.length === 0) return []
    const asked = gates.flatMap(({ gate, deployment, limits, breaker }) => [
      gate,
      deployment,
      ...limitArgs(limits),
      breaker.windowMs,
    ])
    const reply = (await this.#run('peek', [], [clockOf(this.#timing), ...asked])) as (string | number)[]
    return gates.map(({ gate }, index) => decodeView(gate, reply.slice(index * viewLength), nowMs))
  }

  async park(id: JobId, at: Parameters<Gates['park']>[1]): Promise<boolean> {
    const { fromHop, candidate, deployment, lane, priority, tokens, nowMs } = at
    const rank = priorities.indexOf(priority)
    const args = [id, fromHop, candidate, deployment, encodeLane(lane), rank, tokens, nowMs, clockOf(this.#timing)]
    return (await this.#run('park', [keys.job(id)], args)) === 1
  }

  async wake(claim: Omit<GateClaim, 'tokens'>, limit: number, nowMs: number): ReturnType<Gates['wake']> {
    const { gate, deployment, limits, countsRunning } = claim
    const counts = countsRunning === true ? '1' : ''
    const args = [gate, deployment, ...limitArgs(limits), counts, limit, clockOf(this.#timing)]
    const [parked, waitMs, ...rows] = (await this.#run('wake', [], args)) as [number, number, ...string[]]
    const woken: WokenJob[] = []
    for (let index = 0; index < rows.length; index += 3) {
      const [id = '', hop, lane = ''] = rows.slice(index, index + 3)
      woken.push({ id: id as JobId, hop: Number(hop), lane: decodeLane(lane), deployment })
    }
    return { woken, againAtMs: waitMs < 0 ? null : nowMs + waitMs, parked }
  }

  async stranded(deployments: readonly string[], olderThanMs: number, limit: number): Promise<readonly WokenJob[]> {
    if (deployments.length === 0) return []
    const ageMs = Math.max(0, (this.#timing.now?.() ?? Date.now()) - olderThanMs)
    const rows = (await this.#run('stranded', [], [ageMs, limit, clockOf(this.#timing), ...deployments])) as string[]
    const found: WokenJob[] = []
    for (let index = 0; index < rows.length; index += 4) {
      const [deployment = '', id = '', hop, lane = ''] = rows.slice(index, index + 4)
      found.push({ id: id as JobId, hop: Number(hop), lane: decodeLane(lane), deployment })
    }
    return found
  }

  /** The deployments that jobs are parked behind, or were woken from, whether or not the configuration still has them. */
  async backlogs(): Promise<readonly string[]> {
    return translateRedisErrors(this.#redis.smembers(keys.backlogs))
  }

  /** Of each deployment a page of the jobs that are parked behind it, those left out that were woken. */
  async waitingAt(
    pages: readonly { readonly deployment: string; readonly offset: number }[],
    limit: number,
  ): Promise<readonly (readonly JobId[])[]> {
    const read = pages.map(({ deployment, offset }) =>
      this.#redis.zrange(keys.backlog(deployment), `${offset}`, `${offset + limit - 1}`),
    )
    return (await translateRedisErrors(Promise.all(read))) as JobId[][]
  }

  /** Jobs in the backlog of a deployment, those that were woken included: for whoever moves them on. */
  async parkedAt(deployment: string, offset: number, limit: number): Promise<readonly JobId[]> {
    const last = offset + limit - 1
    const pages = [keys.backlog(deployment), keys.woken(deployment)].map((key) =>
      this.#redis.zrange(key, `${offset}`, `${last}`),
    )
    return (await translateRedisErrors(Promise.all(pages))).flat() as JobId[]
  }
}

function decodeView(gate: string, values: readonly (string | number)[], nowMs: number): GateView {
  const [breaker, reason, waitMs, running, parked, failures] = values as [
    ...[GateView['breaker'], GateClosedReason | '', number, number, number, number],
  ]
  const opensAtMs = waitMs < 0 ? null : nowMs + waitMs
  return { gate, breaker, closed: reason === '' ? null : { reason, opensAtMs }, running, parked, failures }
}
