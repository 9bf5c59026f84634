/** What budgets must agree on with the rest of the file. */
import { z } from 'zod'
import type { ConfigPath, Finding } from './problems.ts'
import { describeAllowed } from './suggestion.ts'

const text = z.string().optional().catch(undefined)
const amount = z.number().optional().catch(undefined)

const budget = z.object({ usd: amount, soft_usd: amount, per: text, window: text, key: text, tag: text, model: text })
type Budget = z.output<typeof budget>
const key = z.object({ name: text })

const tenant = z.object({
  budgets: z.array(budget.catch({})).default([]).catch([]),
  keys: z.array(key.catch({})).default([]).catch([]),
  budget_webhook: text,
  webhook_secret: z.unknown().optional(),
})
const outline = z.object({
  models: z.record(z.string(), z.unknown()).default({}).catch({}),
  tenants: z.record(z.string(), tenant).default({}).catch({}),
})

/** `value` may be anything; the schema judges its shape. */
export function checkBudgets(value: unknown): Finding[] {
  const { models, tenants } = outline.catch({ models: {}, tenants: {} }).parse(value)
  return Object.entries(tenants).flatMap(([name, each]) => {
    const path = ['tenants', name]
    const findings = each.budgets.flatMap((own, index) =>
      checkBudget([...path, 'budgets', index], own, { keys: each.keys, models: Object.keys(models) }),
    )
    const needsSecret = each.budget_webhook !== undefined && each.webhook_secret === undefined
    const message = 'needs webhook_secret to sign what is sent'
    return [
      ...findings,
      ...checkTwins([...path, 'budgets'], each.budgets),
      ...(needsSecret ? [{ path: [...path, 'budget_webhook'], message }] : []),
    ]
  })
}

function checkBudget(
  path: ConfigPath,
  { key, model, usd, soft_usd }: Budget,
  known: { keys: readonly { name?: string | undefined }[]; models: readonly string[] },
): Finding[] {
  const findings: Finding[] = []
  const keyNames = known.keys.flatMap(({ name }) => name ?? [])
  if (key !== undefined && !keyNames.includes(key)) {
    const advice = describeAllowed(key, keyNames)
    findings.push({ path: [...path, 'key'], message: 'unknown key', value: key, advice })
  }
  if (model !== undefined && known.models.length > 0 && !known.models.includes(model)) {
    const advice = describeAllowed(model, known.models)
    findings.push({ path: [...path, 'model'], message: 'unknown model', value: model, advice })
  }
  if (usd !== undefined && soft_usd !== undefined && soft_usd >= usd) {
    findings.push({ path: [...path, 'soft_usd'], message: 'must be less than usd' })
  }
  return findings
}

function checkTwins(path: ConfigPath, budgets: readonly Budget[]): Finding[] {
  const seen = new Set<string>()
  return budgets.flatMap(({ per, window = 'calendar', key, tag, model }, index) => {
    const counted = JSON.stringify([per, window, key, tag, model])
    const isTwin = seen.has(counted)
    seen.add(counted)
    return isTwin ? [{ path: [...path, index], message: 'a second budget counts the same in the same period' }] : []
  })
}
