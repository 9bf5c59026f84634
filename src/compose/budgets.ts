import type { Config } from '../config/schema.ts'
import type { Budget, RateLimits } from '../core/budget.ts'

const microUsdPerUsd = 1_000_000

/** The budgets of all tenants. An id says what is counted, so a changed limit goes on with what was spent. */
export function budgetsOf(config: Config): Budget[] {
  return Object.entries(config.tenants).flatMap(([tenant, { budgets }]) =>
    budgets.map(({ usd, soft_usd: softUsd, per, window, key, tag, model }) => {
      const [tagName = '', tagValue = ''] = tag?.split('=') ?? []
      return {
        id: [
          tenant,
          window === 'rolling' ? `rolling-${per}` : per,
          ...(key === undefined ? [] : [`key=${key}`]),
          ...(tag === undefined ? [] : [`tag=${tag}`]),
          ...(model === undefined ? [] : [`model=${model}`]),
        ].join('/'),
        scope: {
          tenant,
          ...(key !== undefined && { key }),
          ...(tag !== undefined && { tag: { name: tagName, value: tagValue } }),
          ...(model !== undefined && { model }),
        },
        limit: Math.round(usd * microUsdPerUsd),
        softLimit: softUsd === undefined ? null : Math.round(softUsd * microUsdPerUsd),
        per,
        window,
      }
    }),
  )
}

/** The limits of the tenants that have some, by name. */
export function rateLimitsOf(config: Config): Map<string, RateLimits> {
  const limited = Object.entries(config.tenants).filter(([, { limits }]) => Object.keys(limits).length > 0)
  return new Map(
    limited.map(([name, { limits }]) => [
      name,
      { rpm: limits.rpm ?? null, tpm: limits.tpm ?? null, concurrency: limits.concurrency ?? null },
    ]),
  )
}
