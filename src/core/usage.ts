import { unknownTenant } from './ledger.ts'
import type { JobOwner } from './record-archive.ts'
import type { JobRecordEntry } from './records.ts'

/** What is counted, all in whole numbers; tokens in and out contain those in the cache and of reasoning. */
export const usageMetrics = [
  'jobs',
  'attempts',
  'tokens_in',
  'tokens_out',
  'tokens_cached',
  'tokens_reasoning',
  'micro_usd',
] as const
export type UsageMetric = (typeof usageMetrics)[number]
export type UsageCounts = Readonly<Record<UsageMetric, number>>

export const usageDimensions = ['day', 'tenant', 'model', 'deployment', 'key', 'tag'] as const
export type UsageDimension = (typeof usageDimensions)[number]

/**
 * One cell of the roll-ups. A job with tags counts in the cell without a tag and in one cell per tag (`team=search`), so
 * cells without a tag add up to everything, and cells with one must not be added to them.
 */
export interface UsageCell extends UsageCounts {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string
  readonly tenant: string
  readonly model: string
  /** Empty for jobs that no deployment served. */
  readonly deployment: string
  readonly key: string
  readonly tag: string | null
}

export interface UsageReader {
  /** The cells of the days from `fromDay` to `toDay`, both included. */
  read(fromDay: string, toDay: string): AsyncIterable<UsageCell>
}

export const noUsage: UsageCounts = {
  jobs: 0,
  attempts: 0,
  tokens_in: 0,
  tokens_out: 0,
  tokens_cached: 0,
  tokens_reasoning: 0,
  micro_usd: 0,
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** What a record adds to the roll-ups: an attempt its tokens and cost, an end its job. */
export function countUsage(record: JobRecordEntry, owner: JobOwner | null): UsageCell[] {
  if (record.kind !== 'attempt' && record.kind !== 'end') return []
  const { tenant, model, key } = owner ?? { tenant: unknownTenant, model: '', key: '' }
  const place = { day: dayOf(record.atMs), tenant, model, key }
  const cell =
    record.kind === 'end'
      ? { ...place, deployment: owner?.deployment ?? '', ...noUsage, jobs: 1 }
      : {
          ...place,
          deployment: record.deployment,
          ...noUsage,
          attempts: 1,
          tokens_in: record.usage?.prompt_tokens ?? 0,
          tokens_out: record.usage?.completion_tokens ?? 0,
          tokens_cached: record.usage?.prompt_tokens_details?.cached_tokens ?? 0,
          tokens_reasoning: record.usage?.completion_tokens_details?.reasoning_tokens ?? 0,
          micro_usd: record.cost,
        }
  const tags = Object.entries(owner?.tags ?? {}).map(([name, value]) => `${name}=${value}`)
  return [null, ...tags].map((tag) => ({ ...cell, tag }))
}

export type UsageGroup = { readonly [dimension in UsageDimension]?: string } & UsageCounts

/** Adds cells up by what they have in common. By tag only what carries one counts, and a job with two counts twice. */
export class UsageSum {
  readonly #by: readonly UsageDimension[]
  readonly #groups = new Map<
    string,
    { place: Partial<Record<UsageDimension, string>>; counts: Record<UsageMetric, number> }
  >()

  constructor(by: readonly UsageDimension[]) {
    this.#by = by
  }

  add(cell: UsageCell): void {
    if ((cell.tag !== null) !== this.#by.includes('tag')) return
    const key = JSON.stringify(this.#by.map((dimension) => cell[dimension]))
    let group = this.#groups.get(key)
    if (!group) {
      const place = Object.fromEntries(this.#by.map((dimension) => [dimension, cell[dimension] ?? '']))
      group = { place, counts: { ...noUsage } }
      this.#groups.set(key, group)
    }
    for (const metric of usageMetrics) group.counts[metric] += cell[metric]
  }

  /** In the order of their names. */
  groups(): UsageGroup[] {
    return [...this.#groups]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, { place, counts }]) => ({ ...place, ...counts }))
  }
}
