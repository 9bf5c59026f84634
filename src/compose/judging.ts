import type { Redis } from 'ioredis'
import type { Config } from '../config/schema.ts'
import { createBuiltinDetector } from '../core/pii/builtin-detector.ts'
import type { Catalogue } from '../core/routing.ts'
import type { RoutingSignals } from '../core/routing-signals.ts'
import type { DecideDeps } from '../pipeline/decide-job.ts'
import type { ExplainDeps } from '../pipeline/explain-route.ts'
import type { HandDeps } from '../pipeline/hand-to-lane.ts'
import { createTokenCounter, estimateMargin, warmTokenCounter } from '../pricing/token-counter.ts'
import { RedisAccounts } from '../store/redis-accounts.ts'
import { RedisGates } from '../store/redis-gates.ts'
import { RedisPermits } from '../store/redis-limits.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import { RedisRoutingSignals } from '../store/routing-signals.ts'
import { RedisSpeeds } from '../store/speeds.ts'
import { holdLeaseOf } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import { budgetsOf } from './budgets.ts'
import { createCatalogue } from './catalogue.ts'
import { tenantOf } from './dead-letters.ts'
import { createRecalling } from './recalling.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'
import { tariffsOf } from './tariffs.ts'

export interface Judging extends DecideDeps, ExplainDeps, Pick<HandDeps, 'permits' | 'concurrencyOf'> {
  close(): Promise<void>
}

/** What it takes to decide about jobs: for auditors, and for an API that audits on arrival. */
export function createJudging(
  runtime: Pick<Runtime, 'config' | 'vaultKey' | 'log'>,
  redis: Redis,
  own?: { readonly signals: RoutingSignals & Pick<RedisRoutingSignals, 'start' | 'stop'> },
): Judging {
  const { config, log } = runtime
  const { current } = requireVaultKey(runtime, 'auditor')
  const budgets = budgetsOf(config)
  const tariffs = tariffsOf(config)
  const auditing = createAuditing(config, current, log)
  const leaseMs = holdLeaseOf(config)
  const accounts = new RedisAccounts({ redis, budgets, leaseMs })
  if (mayCount(config)) warmTokenCounter()
  // Tables and the model of names are read at the first look; the first caller should not wait for them.
  createBuiltinDetector().detect([{ name: '', text: warmUpText }])
  const catalogue = createCatalogue(config)
  const signals = own?.signals ?? createSignals(runtime, redis, catalogue)
  // What is not known yet counts as open and idle: nobody waits for the first look.
  void signals.start()
  const recall = createRecalling(runtime, redis)
  return {
    catalogue,
    signals,
    recall,
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
    tenantOf: (name) => tenantOf(config, name),
    budgetStates: (nowMs) => accounts.inspect(null, nowMs),
    close: () => {
      signals.stop()
      recall?.close()
      return auditing.close()
    },
  }
}

function createSignals({ config, log }: Pick<Runtime, 'config' | 'log'>, redis: Redis, catalogue: Catalogue) {
  return new RedisRoutingSignals({
    subjects: Object.keys(config.models).flatMap((name) => catalogue.modelOf(name)?.deployments ?? []),
    gates: new RedisGates(redis),
    nodes: new RedisNodeRegistry(redis, Object.keys(config.pools)),
    speeds: new RedisSpeeds(redis),
    heartbeatMs: config.nodes.heartbeat,
    log,
    now: Date.now,
  })
}

/** Whether something of the configuration may want to know how long prompts are. */
function mayCount({ models, tenants }: Config): boolean {
  const isLimited = Object.values(tenants).some(({ limits, budgets }) => limits.tpm !== undefined || budgets.length > 0)
  const isWeighed = Object.values(models).some(
    ({ strategy, rules, deployments }) =>
      strategy === 'cheapest' || rules.length > 0 || deployments.some(({ tpm }) => tpm !== undefined),
  )
  return isLimited || isWeighed
}

const warmUpText = 'Dear Ms Ada Example, call +1 202 555 0143 or write to ada@example.com before 1 May 2026.'

/** Candidates come from the same configuration, so nobody meets this one. */
const unknownTariff = { price: null, maxOutputTokens: 4096, tokenMargin: estimateMargin('') }
