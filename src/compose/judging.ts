import type { Redis } from 'ioredis'
import type { BudgetState } from '../core/budget.ts'
import { createBuiltinDetector } from '../core/pii/builtin-detector.ts'
import type { DecideDeps } from '../pipeline/decide-job.ts'
import type { HandDeps } from '../pipeline/hand-to-lane.ts'
import { createTokenCounter, estimateMargin, warmTokenCounter } from '../pricing/token-counter.ts'
import { RedisAccounts } from '../store/redis-accounts.ts'
import { RedisPermits } from '../store/redis-limits.ts'
import { holdLeaseOf } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import { budgetsOf } from './budgets.ts'
import { createCatalogue, type Runtime, requireVaultKey } from './runtime.ts'
import { tariffsOf } from './tariffs.ts'

export interface Judging extends DecideDeps, Pick<HandDeps, 'permits' | 'concurrencyOf'> {
  /** Where the budgets stand at a moment. */
  readonly budgetStates: (nowMs: number) => Promise<readonly BudgetState[]>
  close(): Promise<void>
}

/** What it takes to decide about jobs: for auditors, and for an API that audits on arrival. */
export function createJudging(runtime: Pick<Runtime, 'config' | 'vaultKey' | 'log'>, redis: Redis): Judging {
  const { config, log } = runtime
  const { current } = requireVaultKey(runtime, 'auditor')
  const budgets = budgetsOf(config)
  const tariffs = tariffsOf(config)
  const auditing = createAuditing(config, current, log)
  const leaseMs = holdLeaseOf(config)
  const accounts = new RedisAccounts({ redis, budgets, leaseMs })
  const counts = budgets.length > 0 || Object.values(config.tenants).some(({ limits }) => limits.tpm !== undefined)
  if (counts) warmTokenCounter()
  // Tables and the model of names are read at the first look; the first caller should not wait for them.
  createBuiltinDetector().detect([{ name: '', text: warmUpText }])
  return {
    catalogue: createCatalogue(config),
    auditing,
    spending: {
      accounts,
      budgets,
      tariffOf: (deployment) => tariffs.get(deployment) ?? unknownTariff,
      tokens: createTokenCounter(),
    },
    permits: new RedisPermits({ redis, leaseMs }),
    concurrencyOf: (tenant) => config.tenants[tenant]?.limits.concurrency ?? null,
    now: Date.now,
    budgetStates: (nowMs) => accounts.inspect(null, nowMs),
    close: () => auditing.close(),
  }
}

const warmUpText = 'Dear Ms Ada Example, call +1 202 555 0143 or write to ada@example.com before 1 May 2026.'

/** Candidates come from the same configuration, so nobody meets this one. */
const unknownTariff = { price: null, maxOutputTokens: 4096, tokenMargin: estimateMargin('') }
