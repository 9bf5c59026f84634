import type { Strategy } from '../../core/route-facts.ts'
import type { DeploymentDraft, ModelDraft } from './drafts.ts'
import type { BudgetDraft } from './read-budgets.ts'
import { type AuditorDraft, sortEntities } from './read-guardrails.ts'
import type { Reliability } from './read-retry.ts'
import { apart, commented, inline, toYaml } from './written.ts'

export interface ConfigDraft {
  readonly from: string
  readonly models: readonly ModelDraft[]
  readonly strategy: Strategy
  /** A reference to the key of the one tenant. */
  readonly tenantKey: string
  readonly reliability: Reliability
  readonly cache: { readonly url?: string } | null
  readonly auditor: AuditorDraft
  readonly budgets: readonly BudgetDraft[]
  readonly concurrency: number | null
  readonly maxBodyMb: number | null
}

/** The text of `sluice.yaml`, with a comment where something was decided. */
export function writeConfig(draft: ConfigDraft): string {
  const { reliability, cache } = draft
  const sections = {
    ...(draft.maxBodyMb !== null && { server: inline({ max_body_mb: draft.maxBodyMb }) }),
    pools: (draft.maxBodyMb === null ? commented : apart)(writePools(draft.models), poolsComment),
    models: apart(
      Object.fromEntries(draft.models.map((model, index) => [model.name, writeModel(model, draft.strategy, index)])),
    ),
    ...(reliability.retry && { retry: apart(inline(reliability.retry).written, reliability.retryNote) }),
    ...(reliability.breaker && { breaker: apart(reliability.breaker, reliability.breakerNote) }),
    ...(cache?.url !== undefined && { cache: apart({ url: cache.url }) }),
    tenants: apart({ default: writeTenant(draft) }, tenantsComment),
    auditor: apart(writeAuditor(draft.auditor), auditorComment(draft.auditor)),
  }
  return toYaml(
    sections,
    `Made by \`sluice config import\` from ${draft.from}. What could not be carried over is in its report.`,
  )
}

const poolsComment =
  'Where dispatchers run. `local`: upstreams at private addresses only; it may be sent restricted jobs, and internal ones unmasked. ' +
  '`cloud`: everything else; it is sent internal jobs masked and restricted ones never.'

const tenantsComment =
  'LiteLLM keeps its virtual keys, teams and users in a database: make a tenant for each. No job is public unless you lower the ' +
  'floor: LiteLLM has no classes, and nothing in its file says that anything may go out as it is written.'

function writePools(models: readonly ModelDraft[]): Record<string, unknown> {
  const used = new Set(models.flatMap(({ deployments }) => deployments.map(({ residency }) => residency)))
  return {
    ...(used.has('onprem') && { local: inline({ residency: 'onprem' }) }),
    ...((used.has('cloud') || used.size === 0) && { cloud: inline({ residency: 'cloud' }) }),
  }
}

function writeModel(model: ModelDraft, strategy: Strategy, index: number): unknown {
  const { fallbacks, contextWindowFallbacks, contentPolicyFallbacks, cache, deployments } = model
  const value = {
    ...(strategy !== 'ordered' && deployments.length > 1 && { strategy }),
    ...(fallbacks.length > 0 && { fallbacks: inline(fallbacks) }),
    ...(contextWindowFallbacks.length > 0 && { context_window_fallbacks: inline(contextWindowFallbacks) }),
    ...(contentPolicyFallbacks.length > 0 && { content_policy_fallbacks: inline(contentPolicyFallbacks) }),
    ...(cache && { cache: inline(cache) }),
    deployments: deployments.map(writeDeployment),
  }
  const comment = model.notes.length === 0 ? undefined : model.notes.join('\n')
  return index === 0 ? commented(value, comment) : apart(value, comment)
}

const shortMappings: ReadonlySet<string> = new Set(['price', 'timeouts', 'capabilities', 'aws'])

function writeDeployment({ id, residency, provider, settings, tier, share, notes }: DeploymentDraft): unknown {
  const { model, ...rest } = settings
  const value = {
    id,
    pool: residency === 'onprem' ? 'local' : 'cloud',
    provider,
    model,
    ...(tier !== undefined && { tier }),
    ...(share !== undefined && { weight: share }),
    ...Object.fromEntries(
      Object.entries(rest).map(([key, each]) => [key, shortMappings.has(key) ? inline(each) : each]),
    ),
  }
  return commented(value, notes.length === 0 ? undefined : notes.join('\n'))
}

function writeTenant({ tenantKey, budgets, concurrency }: ConfigDraft): Record<string, unknown> {
  return {
    keys: inline([tenantKey]),
    sensitivity: inline({ default: 'internal', floor: 'internal' }),
    models: inline(['*']),
    ...(budgets.length > 0 && { budgets: budgets.map(inline) }),
    ...(concurrency !== null && { limits: inline({ concurrency }) }),
  }
}

function writeAuditor({ presidio, entities, answers }: AuditorDraft): Record<string, unknown> {
  return {
    ...(presidio && { detectors: ['builtin', { presidio }] }),
    ...(entities.size > 0 && { entities: sortEntities(entities) }),
    on_phi: 'restricted',
    ...(answers && { answers }),
  }
}

function auditorComment({ notes }: AuditorDraft): string {
  return ['Health data stays in the house: a model without a deployment in `local` refuses such jobs.', ...notes].join(
    '\n',
  )
}
