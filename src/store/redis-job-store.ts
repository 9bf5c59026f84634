import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { AnswerPolicy } from '../core/audit-policy.ts'
import type { UsedSoFar } from '../core/gate.ts'
import type { JobId, JobRecord, JobSpec, MaskedCounts } from '../core/job.ts'
import { decodeEntry, encodeEntry, type TerminalFacts } from '../core/job-event.ts'
import { type Ending, type Stage, statusOf, transitions } from '../core/job-state.ts'
import type {
  AttemptStart,
  AuditStart,
  CreateResult,
  EndFacts,
  JobPage,
  JobStore,
  NewJob,
  RouteDecision,
  Watcher,
  WatchStart,
} from '../core/ports.ts'
import { toUsd } from '../core/pricing.ts'
import type { AnswerRecord, DecisionRecord, EndRecord } from '../core/records.ts'
import type { Endpoint } from '../core/vocabulary.ts'
import {
  claimArgs,
  clockOf,
  decodeLane,
  decodeStart,
  deploymentOf,
  encodeLane,
  type GateTiming,
  gateTiming,
  outcomeArgs,
  startArgs,
} from './attempt-arguments.ts'
import { idempotencyTtlMs } from './idempotency-keys.ts'
import { goneReply, jobScripts, probeReply, type ScriptName, startedReply } from './job-scripts.ts'
import { keys } from './keys.ts'
import { executePipeline, type JobQuery, listJobs, readJobs } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import type { SealContext, Sealer } from './sealing.ts'
import { trimJobs } from './trim-indexes.ts'

export interface JobStoreOptions {
  readonly redis: Redis
  /** Null where the vault key must not be: a dispatcher neither writes nor reads what is sealed. */
  readonly sealer: Sealer | null
  /** How long an ended job and its result can be read, in milliseconds. */
  readonly resultRetentionMs: number
  /** How long an ended job's event stream can be resumed, in milliseconds. */
  readonly eventRetentionMs: number
  readonly gateTiming?: GateTiming
}

/** The job store on Redis; `core/ports.ts` says what each method promises. */
export class RedisJobStore implements JobStore {
  readonly #redis: Redis
  readonly #sealer: Sealer | null
  readonly #resultRetentionMs: number
  readonly #eventRetentionMs: number
  readonly #gateTiming: GateTiming
  /** Of this store among all: a claim that is sent again is known by it. */
  readonly #name = randomBytes(6).toString('base64url')
  #claims = 0
  #appends = 0

  constructor(options: JobStoreOptions) {
    this.#redis = options.redis
    this.#sealer = options.sealer
    this.#resultRetentionMs = options.resultRetentionMs
    this.#eventRetentionMs = options.eventRetentionMs
    this.#gateTiming = options.gateTiming ?? gateTiming
    for (const [name, lua] of Object.entries(jobScripts)) {
      options.redis.defineCommand(commandName(name as ScriptName), { lua })
    }
  }

  async create(job: NewJob): Promise<CreateResult> {
    const { id, spec, idempotency, replay, decision, claim } = job
    const nowMs = spec.createdAtMs
    const holder = (await this.#run(
      claim ? 'createStarted' : 'create',
      [
        keys.job(id),
        keys.private(id),
        keys.events(id),
        keys.tenantJobs(spec.tenant),
        keys.open,
        keys.untaken,
        claimKey(job),
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
        this.#seal(job.bodyJson, { job: id, field: 'body' }),
        idempotency?.fingerprint ?? '',
        idempotencyTtlMs,
        replay ? JSON.stringify(replay.record) : '',
        job.requestJson === undefined ? '' : this.#seal(job.requestJson, { job: id, field: 'request' }),
        spec.batch === undefined ? '' : '1',
        ...(claim ? startArgs(claim, this.#newClaim(), this.#gateTiming) : []),
        ...(decision ? this.#decisionArgs(id, decision) : []),
      ],
    )) as string
    if (holder === '') return { kind: 'created', start: null }
    if (holder === startedReply || holder === probeReply) {
      return { kind: 'created', start: { fence: 1, isProbe: holder === probeReply } }
    }
    if (holder === goneReply) return { kind: 'gone' }
    const [holderId = '', fingerprint = ''] = holder.split(' ')
    return { kind: 'exists', id: holderId as JobId, fingerprint }
  }

  async startAudit(id: JobId): Promise<AuditStart> {
    const reply = await this.#run('startAudit', [keys.job(id), keys.private(id), keys.untaken], [id])
    const [kind, ...rest] = reply as [string, ...unknown[]]
    if (kind === 'routed') {
      const [lane, hop, spec, plan, candidate] = rest as [string, string, string, string, string]
      const deployment = deploymentOf(plan, candidate)
      return { kind, spec: JSON.parse(spec) as JobSpec, lane: decodeLane(lane), hop: Number(hop), deployment }
    }
    if (kind !== 'go') return { kind: 'ended' }
    const [audits, spec, body] = rest as [number, string, string]
    return { kind, audits, spec: JSON.parse(spec) as JobSpec, bodyJson: this.#open(body, { job: id, field: 'body' }) }
  }

  async route(id: JobId, decision: RouteDecision): Promise<boolean> {
    const scriptKeys = [keys.job(id), keys.private(id), ...bodyKeys(id, decision)]
    return (await this.#run('route', scriptKeys, this.#decisionArgs(id, decision))) === 1
  }

  async startAttempt(id: JobId, claim: Parameters<JobStore['startAttempt']>[1]): Promise<AttemptStart> {
    const { hop, pool, node, nowMs, gate, inputPrice = 0, shut = false } = claim
    const { claimId = this.#newClaim() } = claim
    const reply = await this.#run(
      'startAttempt',
      [keys.job(id), keys.body(pool, id), keys.untaken],
      [id, hop, node, nowMs, inputPrice, shut ? '1' : '', claimId, ...claimArgs(gate, this.#gateTiming)],
    )
    return decodeStart(reply as [string, ...unknown[]], nowMs)
  }

  async append(
    id: JobId,
    fence: number,
    entries: readonly string[],
    firstOutput: boolean,
    used?: UsedSoFar,
    number?: number,
  ): Promise<boolean> {
    // A connection that breaks sends what was not answered again; by this Redis knows what it has done already.
    this.#appends += 1
    const spent = used ? `${used.promptTokens} ${used.outputTokens} ${used.cost}` : ''
    const args = [id, fence, firstOutput ? '1' : '', `${fence}.${number ?? this.#appends}`, spent, ...entries]
    return (await this.#run('append', [keys.job(id)], args)) === 1
  }

  async retry(id: JobId, fence: number, next: Parameters<JobStore['retry']>[2]): Promise<boolean> {
    const moved = await this.#run(
      'retry',
      [keys.job(id)],
      [
        id,
        fence,
        encodeLane(next.lane),
        next.candidate,
        next.hop,
        next.readyAtMs,
        JSON.stringify(next.attempts),
        next.resetOutput ? '1' : '',
        JSON.stringify(next.attempt),
        ...outcomeArgs(next.gate, this.#gateTiming, Math.random()),
      ],
    )
    return moved === 1
  }

  async moveOn(id: JobId, next: Parameters<JobStore['moveOn']>[1]): Promise<boolean> {
    const { fromHop, candidate, lane, readyAtMs, lostBeforeMs } = next
    const clock = clockOf(this.#gateTiming)
    const args = [id, fromHop, candidate, encodeLane(lane), readyAtMs, Date.now(), lostBeforeMs ?? '', clock]
    return (await this.#run('moveOn', [keys.job(id)], args)) === 1
  }

  async end(id: JobId, ending: Ending, facts: EndFacts, fence?: number): Promise<boolean> {
    const status = transitions[ending].to
    const terminal: TerminalFacts = {
      status,
      deployment: facts.deployment ?? null,
      attempts: facts.attempts?.length ?? 0,
      cost_usd: facts.cost === undefined ? null : toUsd(facts.cost),
      usage: facts.usage ?? null,
      cache: facts.cache ?? null,
      masked: facts.masked ?? false,
      error: facts.error ?? null,
    }
    const pools = facts.pools ?? []
    const nowMs = Date.now()
    const record: EndRecord = {
      kind: 'end',
      job: id,
      atMs: nowMs,
      status,
      errorCode: facts.error?.code ?? null,
      attempts: facts.attempts?.length ?? 0,
    }
    const recorded = ending === 'reject' ? facts.decision : facts.attempt
    const fields: (string | number)[] = []
    if (facts.error) fields.push('error', JSON.stringify(facts.error))
    if (facts.attempts) fields.push('attempts', JSON.stringify(facts.attempts))
    if (facts.usage) fields.push('usage', JSON.stringify(facts.usage))
    if (facts.deployment) fields.push('deployment', facts.deployment)
    if (facts.cache) fields.push('cache', facts.cache)
    if (facts.cost !== undefined) fields.push('cost', facts.cost)
    const ended = await this.#run(
      ending,
      [keys.job(id), keys.open, keys.untaken, keys.outbox],
      [
        id,
        fence ?? '',
        this.#resultRetentionMs,
        this.#eventRetentionMs,
        encodeEntry(`job.${status}`, JSON.stringify(terminal)),
        facts.resultJson ?? '',
        pools.length,
        recorded ? JSON.stringify(recorded) : '',
        JSON.stringify(record),
        nowMs,
        ...outcomeArgs(facts.gate, this.#gateTiming, Math.random()),
        // JSON text has no raw separator in it.
        ...(ending === 'recall' ? [(facts.deltas ?? []).join('\x1e')] : []),
        ...pools.map((pool) => keys.body(pool, id)),
        ...fields,
      ],
    )
    return ended === 1
  }

  async read(id: JobId): Promise<JobRecord | null> {
    const [record] = await readJobs(this.#redis, [id])
    return record ?? null
  }

  readResult(id: JobId): Promise<string | null> {
    return translateRedisErrors(this.#redis.get(keys.result(id)))
  }

  async readBody(id: JobId): Promise<{ endpoint: Endpoint; bodyJson: string } | null> {
    const read = this.#redis.hmget(keys.private(id), 'spec', 'body')
    const [spec, body] = await translateRedisErrors(read)
    if (!spec || !body) return null
    const { endpoint } = JSON.parse(spec) as JobSpec
    return { endpoint, bodyJson: this.#open(body, { job: id, field: 'body' }) }
  }

  async noteAnswer(id: JobId, { found, policy }: { found: MaskedCounts; policy: AnswerPolicy }): Promise<void> {
    const record: AnswerRecord = { kind: 'answer', job: id, atMs: Date.now(), found, policy }
    await this.#run('noteAnswer', [keys.job(id)], [JSON.stringify(record)])
  }

  async readVault(id: JobId): Promise<ReadonlyMap<string, string>> {
    const sealed = await translateRedisErrors(this.#redis.hget(keys.private(id), 'vault'))
    if (sealed === null) return new Map()
    return new Map(JSON.parse(this.#open(sealed, { job: id, field: 'vault' })) as [string, string][])
  }

  list(query: JobQuery): Promise<JobPage> {
    return listJobs(this.#redis, query)
  }

  async watch(id: JobId, watcher: Watcher, after: number): Promise<WatchStart | null> {
    const reply = (await this.#run(
      'watch',
      [keys.job(id), keys.events(id)],
      [watcher.processId, watcher.wants, after],
    )) as [Stage, 0 | 1, ...string[]] | null
    if (reply === null) return null
    const [stage, hasMore, ...entries] = reply
    const events = entries.map((entry, index) => decodeEntry(after + index + 1, entry))
    return { status: statusOf(stage), events, hasMore: hasMore === 1 }
  }

  overdue(nowMs: number, limit: number): Promise<readonly JobId[]> {
    return translateRedisErrors(this.#redis.zrangebyscore(keys.open, 0, nowMs, 'LIMIT', 0, limit)) as Promise<JobId[]>
  }

  async untaken(olderThanMs: number, nowMs: number, limit: number): Promise<readonly { id: JobId; spec: JobSpec }[]> {
    const found = this.#redis.zrangebyscore(keys.untaken, 0, olderThanMs, 'LIMIT', 0, limit)
    const ids = (await translateRedisErrors(found)) as JobId[]
    if (ids.length === 0) return []
    const records = await readJobs(this.#redis, ids)
    const pipeline = this.#redis.pipeline()
    for (const [index, id] of ids.entries()) {
      if (records[index] === null) pipeline.zrem(keys.untaken, id)
      else pipeline.zadd(keys.untaken, 'XX', nowMs, id)
    }
    await executePipeline(pipeline)
    return records.filter((record) => record !== null)
  }

  async keep(ids: readonly JobId[], untilMs: number): Promise<void> {
    const scores = ids.flatMap((id) => [untilMs, id])
    if (ids.length > 0) await translateRedisErrors(this.#redis.zadd(keys.untaken, 'XX', ...scores))
  }

  countOpen(): Promise<number> {
    return translateRedisErrors(this.#redis.zcard(keys.open))
  }

  async trimIndexes(tenants: readonly string[], olderThanMs: number): Promise<void> {
    for (const tenant of tenants) await trimJobs(this.#redis, tenant, olderThanMs)
  }

  #newClaim(): string {
    this.#claims += 1
    return `${this.#name}.${this.#claims}`
  }

  /** In the order in which `storeDecision` of the scripts reads them. */
  #decisionArgs(id: JobId, decision: RouteDecision): (string | number)[] {
    const { plan, lane, sensitivity, reason, masked, deadlineMs, vault, bodies, record } = decision
    return [
      JSON.stringify(plan),
      encodeLane(lane),
      sensitivity,
      reason,
      JSON.stringify(masked),
      Math.max(1, deadlineMs - Date.now()) + this.#resultRetentionMs,
      vault.size === 0 ? '' : this.#seal(JSON.stringify([...vault]), { job: id, field: 'vault' }),
      plan.masked ? '1' : '',
      JSON.stringify({ ...record, job: id } satisfies DecisionRecord),
      ...bodies.values(),
    ]
  }

  #seal(text: string, context: SealContext): string {
    assert.ok(this.#sealer, 'this role does not hold the vault key')
    return this.#sealer.seal(text, context)
  }

  #open(text: string, context: SealContext): string {
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

/** What `create` looks at to make one job of what is asked for twice; without either the script does not look. */
function claimKey({ id, spec, idempotency, replay }: NewJob): string {
  if (replay) return keys.job(replay.record.job)
  if (spec.batch) return keys.batchOpen(spec.batch)
  return idempotency ? keys.idempotency(spec.tenant, idempotency.key) : keys.job(id)
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
