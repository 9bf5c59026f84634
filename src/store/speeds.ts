import type { Redis } from 'ioredis'
import type { OwnedRecord, RecordObserver } from '../core/record-archive.ts'
import type { AttemptRecord } from '../core/records.ts'
import type { DeploymentSpeed, SpeedReader } from '../core/routing-signals.ts'
import { keys } from './keys.ts'

/** After so long an observation counts half. */
const halfLifeMs = 120_000
/** Without a new observation for so long, a deployment's speed is unknown: what was measured is no news any more. */
const forgottenMs = 15 * 60_000
/** What is over so soon after its first token came in one piece: the rest is our own work. */
const leastStream = { ms: 20, share: 0.02 }
/** A speed is something divided by this, at least. */
const leastMs = 1

/** Sums of what was observed, each worth less the older it is. */
interface Observed {
  readonly atMs: number
  readonly firstTokens: number
  readonly firstTokenMs: number
  readonly tokens: number
  readonly generationMs: number
}

const nothing: Observed = { atMs: 0, firstTokens: 0, firstTokenMs: 0, tokens: 0, generationMs: 0 }

/**
 * How fast deployments answer: decayed averages over completed attempts, for all processes in one hash. The recorder
 * writes it, once per batch; a record that is told twice changes an average a little, and time mends it.
 */
export class RedisSpeeds implements RecordObserver, SpeedReader {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async observe(batch: readonly OwnedRecord[]): Promise<void> {
    const attempts = batch.flatMap(({ record }) => (isTelling(record) ? [record] : []))
    if (attempts.length === 0) return
    const deployments = [...new Set(attempts.map(({ deployment }) => deployment))]
    const texts = await this.#redis.hmget(keys.speeds, ...deployments)
    const observed = new Map(deployments.map((deployment, index) => [deployment, parse(texts[index])]))
    for (const attempt of attempts) {
      observed.set(attempt.deployment, add(observed.get(attempt.deployment) ?? nothing, attempt))
    }
    const fields = [...observed].flatMap(([deployment, sums]) => [deployment, JSON.stringify(Object.values(sums))])
    await this.#redis.hset(keys.speeds, ...fields)
  }

  async read(deployments: readonly string[], nowMs: number): Promise<readonly (DeploymentSpeed | null)[]> {
    if (deployments.length === 0) return []
    const texts = await this.#redis.hmget(keys.speeds, ...deployments)
    return texts.map((text) => toSpeed(parse(text), nowMs))
  }
}

type Telling = AttemptRecord & { readonly firstTokenMs: number; readonly usage: object }

function isTelling(record: OwnedRecord['record']): record is Telling {
  return (
    record.kind === 'attempt' &&
    record.outcome === 'completed' &&
    record.firstTokenMs !== null &&
    record.usage !== null &&
    record.usage.completion_tokens > 0
  )
}

/**
 * An answer that comes in one piece does not say when its first token was there: what is known from streams is taken off,
 * the rest is the time that its tokens took.
 */
function add(before: Observed, { atMs, ms, firstTokenMs, usage }: Telling): Observed {
  const { firstTokens, tokens, generationMs, ...rest } = decay(before, atMs)
  const isStream = ms - firstTokenMs > Math.max(leastStream.ms, leastStream.share * ms)
  const usualMs = firstTokens > 0 ? rest.firstTokenMs / firstTokens : 0
  const waitedMs = isStream ? firstTokenMs : Math.min(usualMs, ms / 2)
  return {
    atMs: Math.max(before.atMs, atMs),
    firstTokens: firstTokens + (isStream ? 1 : 0),
    firstTokenMs: rest.firstTokenMs + (isStream ? firstTokenMs : 0),
    tokens: tokens + (usage?.completion_tokens ?? 0),
    generationMs: generationMs + Math.max(leastMs, ms - waitedMs),
  }
}

function decay(sums: Observed, nowMs: number): Observed {
  const share = 0.5 ** (Math.max(0, nowMs - sums.atMs) / halfLifeMs)
  return {
    atMs: sums.atMs,
    firstTokens: sums.firstTokens * share,
    firstTokenMs: sums.firstTokenMs * share,
    tokens: sums.tokens * share,
    generationMs: sums.generationMs * share,
  }
}

function toSpeed(sums: Observed, nowMs: number): DeploymentSpeed | null {
  const { atMs, firstTokens, firstTokenMs, tokens, generationMs } = sums
  if (generationMs <= 0 || nowMs - atMs > forgottenMs) return null
  return {
    firstTokenMs: firstTokens > 0 ? firstTokenMs / firstTokens : 0,
    tokensPerSecond: (tokens / generationMs) * 1000,
  }
}

function parse(text: string | null | undefined): Observed {
  if (!text) return nothing
  const [atMs = 0, firstTokens = 0, firstTokenMs = 0, tokens = 0, generationMs = 0] = JSON.parse(text) as number[]
  return { atMs, firstTokens, firstTokenMs, tokens, generationMs }
}
