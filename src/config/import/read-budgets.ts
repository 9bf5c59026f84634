import type { BudgetPeriod } from '../../core/budget.ts'
import type { ModelDraft } from './drafts.ts'
import type { Section } from './sections.ts'

export interface BudgetDraft {
  readonly usd: number
  readonly per: BudgetPeriod
  readonly model?: string
}

const periods: Readonly<Record<string, BudgetPeriod>> = {
  '1h': 'hour',
  '60m': 'hour',
  '3600s': 'hour',
  '1d': 'day',
  '24h': 'day',
  '86400s': 'day',
  '30d': 'month',
  '31d': 'month',
  '1mo': 'month',
}

/** What the proxy as a whole, a provider or a deployment may spend, as budgets of the one tenant that there is. */
export function readBudgets(
  models: readonly ModelDraft[],
  items: readonly Section[],
  settings: Section | undefined,
  router: Section | undefined,
): BudgetDraft[] {
  return [
    ...(settings ? readBudget(settings, { amount: 'max_budget', period: 'budget_duration' }) : []),
    ...readProviderBudgets(models, router),
    ...readDeploymentBudgets(models, items),
  ]
}

function readBudget(section: Section, keys: { amount: string; period: string }, model?: string): BudgetDraft[] {
  const usd = section.number(keys.amount)
  const duration = section.text(keys.period)
  if (usd === undefined) return []
  if (usd <= 0) {
    section.tell('lost', keys.amount, 'a budget of nothing lets nothing through', 'remove the model, or set a budget')
    return []
  }
  const per = duration === undefined ? 'total' : Object.hasOwn(periods, duration) ? periods[duration] : undefined
  if (per === undefined) {
    section.tell(
      'lost',
      keys.period,
      `there is no period of ${duration}`,
      'set tenants.default.budgets with hour, day or month',
    )
    return []
  }
  if (per !== 'total')
    section.tell('changed', keys.period, `is the calendar’s ${per}, in UTC`, 'see budgets[].window for a rolling one')
  return [{ usd, per, ...(model !== undefined && { model }) }]
}

/** A provider's budget is a model's where the provider serves that one model and nobody else does. */
function readProviderBudgets(models: readonly ModelDraft[], router: Section | undefined): BudgetDraft[] {
  const config = router?.section('provider_budget_config')
  return (config?.keys ?? []).flatMap((provider) => {
    const budget = config?.section(provider)
    if (!budget || !config) return []
    const serving = models.filter(({ deployments }) => deployments.some((each) => isOf(each.provider, provider)))
    const [only] = serving
    if (serving.length === 1 && only?.deployments.every((each) => isOf(each.provider, provider))) {
      const read = readBudget(budget, { amount: 'budget_limit', period: 'time_period' }, only.name)
      budget.reportRest()
      return read
    }
    for (const key of budget.keys) budget.take(key)
    const advice = 'set budgets of tenants for the models that it serves'
    config.tell('lost', provider, 'budgets belong to tenants, keys, tags and models, not to providers', advice)
    return []
  })
}

function isOf(provider: string, name: string): boolean {
  const ours: Readonly<Record<string, string>> = {
    together_ai: 'together',
    fireworks_ai: 'fireworks',
    nvidia_nim: 'nvidia',
  }
  return provider === (ours[name] ?? name)
}

/** A deployment's budget is its model's where it is the only one. */
function readDeploymentBudgets(models: readonly ModelDraft[], items: readonly Section[]): BudgetDraft[] {
  return items.flatMap((item) => {
    const params = item.section('litellm_params')
    if (!params?.has('max_budget')) return []
    const model = models.find(({ deployments }) =>
      deployments.some(
        ({ place }) => place.file === params.place.file && String(place.path) === String(params.place.path),
      ),
    )
    if (model?.deployments.length === 1) {
      return readBudget(params, { amount: 'max_budget', period: 'budget_duration' }, model.name)
    }
    params.tell(
      'lost',
      'max_budget',
      'budgets belong to tenants and their models, not to deployments',
      'set tenants.default.budgets',
    )
    return []
  })
}
