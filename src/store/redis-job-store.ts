import assert from 'node:assert/strict'
import type { ChainableCommander, Redis } from 'ioredis'
import type { Attempt, DispatchPlan, JobId, JobRecord, JobSpec } from '../core/job.ts'
import { decodeEntry, encodeEntry, type TerminalFacts } from '../core/job-event.ts'
import { type Ending, type JobStatus, type Stage, statusOf, transitions } from '../core/job-state.ts'
import type {
  AttemptStart,
  AuditStart,
  CreateResult,
  EndFacts,
  JobPage,
  JobStore,
  Lane,
  NewJob,
  RouteDecision,
  Watcher,
  WatchStart,
} from '../core/ports.ts'
import type { Priority, Sensitivity } from '../core/vocabulary.ts'
import { parseJobRecord } from './job-record.ts'
import { jobScripts, type ScriptName } from './job-scripts.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import type { Sealer } from './sealing.ts'

export interface JobStoreOptions {
  readonly redis: Redis
  /** Null where the vault key must not be: a dispatcher neither writes nor reads what is sealed. */
  readonly sealer: Sealer | null
  /** How long an ended job and its result can be read, in milliseconds. */
  readonly resultRetentionMs: number
  /** How long an ended job's event stream can be resumed, in milliseconds. */
  readonly eventRetentionMs: number
}

const idempotencyTtlMs = 24 * 60 * 60 * 1000

/** Lanes travel through Redis as `<pool> <sensitivity> <priority>`. */
const encodeLane = (lane: Lane): string => `${lane.pool} ${lane.sensitivity} ${lane.priority}`
function decodeLane(text: string): Lane {
  const [pool = '', sensitivity, priority] = text.split(' ')
  return { pool, sensitivity: sensitivity as Sensitivity, priority: priority as Priority }
}

/** The job store on Redis; `core/ports.ts` says what each method promises. */
export class RedisJobStore implements JobStore {
  readonly #redis: Redis
  readonly #sealer: Sealer | null
  readonly #resultRetentionMs: number
  readonly #eventRetentionMs: number
  #appends = 0

  constructor(options: JobStoreOptions) {
    this.#redis = options.redis
    this.#sealer = options.sealer
    this.#resultRetentionMs = options.resultRetentionMs
    this.#eventRetentionMs = options.eventRetentionMs
    for (const [name, lua] of Object.entries(jobScripts)) {
      options.redis.defineCommand(commandName(name as ScriptName), { lua })
    }
  }

  async create(job: NewJob): Promise<CreateResult> {
    const { id, spec, idempotency, decision } = job
    const nowMs = spec.createdAtMs
    const holder = (await this.#run(
      'create',
      [
        keys.job(id),
        keys.private(id),
        keys.events(id),
        keys.tenantJobs(spec.tenant),
        keys.open,
        keys.untaken,
        // Without a key of the client's the script does not look at this one.
        idempotency ? keys.idempotency(spec.tenant, idempotency.key) : keys.job(id),
        ...(decision ? bodyKeys(id, decision) : []),
      ],
      [
        id,
        nowMs,
        spec.deadlineMs,
        spec.deadlineMs - nowMs + this.#resultRetentionMs,
        spec.priority,
        spec.sensitivity,
        spec.webhook ? '1' : '',
        job.watcher ? encodeWatcher(job.watcher) : '',
        JSON.stringify(spec),
        // Sealed in every class: what the caller calls public may turn out not to be.
        this.#seal(job.bodyJson, `${id} body`),
        idempotency?.fingerprint ?? '',
        idempotencyTtlMs,
        ...(decision ? this.#decisionArgs(id, decision) : []),
      ],
    )) as string
    if (holder === '') return { kind: 'created' }
    const [holderId = '', fingerprint = ''] = holder.split(' ')
    return { kind: 'exists', id: holderId as JobId, fingerprint }
  }

  async startAudit(id: JobId): Promise<AuditStart> {
    const reply = await this.#run('startAudit', [keys.job(id), keys.private(id), keys.untaken], [id])
    const [kind, ...rest] = reply as [string, ...unknown[]]
    if (kind === 'routed') {
      const [lane, hop] = rest as [string, string]
      return { kind, lane: decodeLane(lane), hop: Number(hop) }
    }
    if (kind !== 'go') return { kind: 'ended' }
    const [audits, spec, body] = rest as [number, string, string]
    return { kind, audits, spec: JSON.parse(spec) as JobSpec, bodyJson: this.#open(body, `${id} body`) }
  }

  async route(id: JobId, decision: RouteDecision): Promise<boolean> {
    const scriptKeys = [keys.job(id), keys.private(id), ...bodyKeys(id, decision)]
    return (await this.#run('route', scriptKeys, this.#decisionArgs(id, decision))) === 1
  }

  async startAttempt(
    id: JobId,
    claim: { hop: number; pool: string; node: string; nowMs: number },
  ): Promise<AttemptStart> {
    const reply = (await this.#run(
      'startAttempt',
      [keys.job(id), keys.body(claim.pool, id), keys.events(id), keys.untaken],
      [id, claim.hop, claim.node, claim.nowMs],
    )) as [string, ...unknown[]]
    if (reply[0] === 'superseded') {
      const [, lane, hop, readyAtMs] = reply as [string, string, string, string]
      return { kind: 'superseded', lane: decodeLane(lane), hop: Number(hop), readyAtMs: Number(readyAtMs) }
    }
    if (reply[0] !== 'go') return { kind: 'ended' }
    const [, fence, bodyJson, plan, candidate, attempts, deadline, created, sensitivity, priority, output] = reply as [
      ...[string, number, string, string, string, string | null],
      ...[string, string, string, string, string | null],
    ]
    return {
      kind: 'go',
      fence,
      plan: JSON.parse(plan) as DispatchPlan,
      candidate: Number(candidate),
      attempts: attempts === null ? [] : (JSON.parse(attempts) as Attempt[]),
      bodyJson,
      deadlineMs: Number(deadline),
      createdAtMs: Number(created),
      sensitivity: sensitivity as Sensitivity,
      priority: priority as Priority,
      hasOutput: output !== null,
    }
  }

  async append(id: JobId, fence: number, entries: readonly string[], firstOutput: boolean): Promise<boolean> {
    // A connection that breaks sends what was not answered again; by this Redis knows what it has done already.
    this.#appends += 1
    const args = [id, fence, firstOutput ? '1' : '', `${fence}.${this.#appends}`, ...entries]
    return (await this.#run('append', [keys.job(id), keys.events(id)], args)) === 1
  }

  async retry(
    id: JobId,
    fence: number,
    next: {
      lane: Lane
      candidate: number
      hop: number
      readyAtMs: number
      attempts: readonly Attempt[]
      resetOutput: boolean
    },
  ): Promise<boolean> {
    const moved = await this.#run(
      'retry',
      [keys.job(id), keys.events(id)],
      [
        id,
        fence,
        encodeLane(next.lane),
        next.candidate,
        next.hop,
        next.readyAtMs,
        JSON.stringify(next.attempts),
        next.resetOutput ? '1' : '',
      ],
    )
    return moved === 1
  }

  async end(id: JobId, ending: Ending, facts: EndFacts, fence?: number): Promise<boolean> {
    const status = transitions[ending].to
    const terminal: TerminalFacts = {
      status,
      deployment: facts.deployment ?? null,
      attempts: facts.attempts?.length ?? 0,
      cost_usd: facts.costUsd ?? null,
      usage: facts.usage ?? null,
      masked: facts.masked ?? false,
      error: facts.error ?? null,
    }
    const pools = facts.pools ?? []
    const fields: (string | number)[] = ['finished', Date.now()]
    if (facts.error) fields.push('error', JSON.stringify(facts.error))
    if (facts.attempts) fields.push('attempts', JSON.stringify(facts.attempts))
    if (facts.usage) fields.push('usage', JSON.stringify(facts.usage))
    if (facts.deployment) fields.push('deployment', facts.deployment)
    if (typeof facts.costUsd === 'number') fields.push('cost', facts.costUsd)
    const ended = await this.#run(
      ending,
      [keys.job(id), keys.events(id), keys.result(id), keys.open, keys.untaken, keys.outbox],
      [
        id,
        fence ?? '',
        this.#resultRetentionMs,
        this.#eventRetentionMs,
        encodeEntry(`job.${status}`, JSON.stringify(terminal)),
        facts.resultJson ?? '',
        pools.length,
        ...pools.map((pool) => keys.body(pool, id)),
        ...fields,
      ],
    )
    return ended === 1
  }

  async read(id: JobId): Promise<JobRecord | null> {
    const [record] = await this.#readMany([id])
    return record ?? null
  }

  readResult(id: JobId): Promise<string | null> {
    return translateRedisErrors(this.#redis.get(keys.result(id)))
  }

  async readVault(id: JobId): Promise<ReadonlyMap<string, string>> {
    const sealed = await translateRedisErrors(this.#redis.hget(keys.private(id), 'vault'))
    if (sealed === null) return new Map()
    return new Map(JSON.parse(this.#open(sealed, `${id} vault`)) as [string, string][])
  }

  async list(query: {
    tenant: string
    status?: JobStatus
    model?: string
    after?: JobId
    limit: number
  }): Promise<JobPage> {
    const index = keys.tenantJobs(query.tenant)
    const jobs: JobRecord[] = []
    let rank = 0
    if (query.after !== undefined) {
      const found = await translateRedisErrors(this.#redis.zrevrank(index, query.after))
      if (found === null) return { jobs: [], hasMore: false }
      rank = found + 1
    }
    const pageSize = 200
    while (jobs.length <= query.limit) {
      const ids = (await translateRedisErrors(this.#redis.zrevrange(index, rank, rank + pageSize - 1))) as JobId[]
      for (const record of await this.#readMany(ids)) {
        if (record === null) continue
        if (query.status !== undefined && record.status !== query.status) continue
        if (query.model !== undefined && record.spec.model !== query.model) continue
        jobs.push(record)
      }
      if (ids.length < pageSize) break
      rank += pageSize
    }
    return { jobs: jobs.slice(0, query.limit), hasMore: jobs.length > query.limit }
  }

  async watch(id: JobId, watcher: Watcher, after: number): Promise<WatchStart | null> {
    const reply = (await this.#run(
      'watch',
      [keys.job(id), keys.events(id)],
      [watcher.processId, watcher.wants, after],
    )) as [Stage, ...string[]] | null
    if (reply === null) return null
    const [stage, ...entries] = reply
    return { status: statusOf(stage), events: entries.map((entry, index) => decodeEntry(after + index + 1, entry)) }
  }

  overdue(nowMs: number, limit: number): Promise<readonly JobId[]> {
    return translateRedisErrors(this.#redis.zrangebyscore(keys.open, 0, nowMs, 'LIMIT', 0, limit)) as Promise<JobId[]>
  }

  async untaken(olderThanMs: number, nowMs: number, limit: number): Promise<readonly { id: JobId; spec: JobSpec }[]> {
    const found = this.#redis.zrangebyscore(keys.untaken, 0, olderThanMs, 'LIMIT', 0, limit)
    const ids = (await translateRedisErrors(found)) as JobId[]
    if (ids.length === 0) return []
    const records = await this.#readMany(ids)
    const pipeline = this.#redis.pipeline()
    for (const [index, id] of ids.entries()) {
      if (records[index] === null) pipeline.zrem(keys.untaken, id)
      else pipeline.zadd(keys.untaken, 'XX', nowMs, id)
    }
    await execute(pipeline)
    return records.filter((record) => record !== null)
  }

  countOpen(): Promise<number> {
    return translateRedisErrors(this.#redis.zcard(keys.open))
  }

  async trimIndexes(tenants: readonly string[], olderThanMs: number): Promise<void> {
    for (const tenant of tenants) {
      await translateRedisErrors(this.#redis.zremrangebyscore(keys.tenantJobs(tenant), 0, olderThanMs))
    }
  }

  async #readMany(ids: readonly JobId[]): Promise<(JobRecord | null)[]> {
    if (ids.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.hgetall(keys.job(id)).hget(keys.private(id), 'spec')
    const replies = await execute(pipeline)
    return ids.map((id, index) =>
      parseJobRecord(id, replies[2 * index] as Record<string, string>, replies[2 * index + 1] as string | null),
    )
  }

  /** In the order in which `storeDecision` of the scripts reads them. */
  #decisionArgs(id: JobId, decision: RouteDecision): (string | number)[] {
    const { plan, lane, sensitivity, reason, masked, deadlineMs, vault, bodies } = decision
    return [
      JSON.stringify(plan),
      encodeLane(lane),
      sensitivity,
      reason,
      JSON.stringify(masked),
      Math.max(1, deadlineMs - Date.now()) + this.#resultRetentionMs,
      vault.size === 0 ? '' : this.#seal(JSON.stringify([...vault]), `${id} vault`),
      plan.masked ? '1' : '',
      ...bodies.values(),
    ]
  }

  #seal(text: string, context: string): string {
    assert.ok(this.#sealer, 'this role does not hold the vault key')
    return this.#sealer.seal(text, context)
  }

  #open(text: string, context: string): string {
    return this.#sealer ? this.#sealer.open(text, context) : text
  }

  #run(name: ScriptName, scriptKeys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const command = (this.#redis as unknown as Record<string, (...parts: (string | number)[]) => Promise<unknown>>)[
      commandName(name)
    ]
    assert.ok(command)
    return translateRedisErrors(command.call(this.#redis, scriptKeys.length, ...scriptKeys, ...args))
  }
}

/** The replies of a pipeline. One that fails, as all do while Redis is away, fails the whole. */
function execute(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = pipeline.exec().then((results) =>
    (results ?? []).map(([error, reply]) => {
      if (error) throw error
      return reply
    }),
  )
  return translateRedisErrors(replies)
}

function bodyKeys(id: JobId, { bodies }: RouteDecision): string[] {
  return [...bodies.keys()].map((pool) => keys.body(pool, id))
}

function commandName(name: ScriptName): string {
  return `sluice_${name}`
}

function encodeWatcher(watcher: Watcher): string {
  return `${watcher.processId}:${watcher.wants}`
}
