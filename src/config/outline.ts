/**
 * A lenient look at a file that may be wrong in any way: what checks between keys go by, so that they find their problems
 * in the same run in which the schema finds its own. Where the outline has nothing, the schema has complained.
 */
import { z } from 'zod'

const text = z.string().optional().catch(undefined)
const texts = z.array(text).default([]).catch([])

const deployment = z.object({
  id: text,
  pool: text,
  provider: text,
  model: text,
  base_url: text,
})

const named = z.array(text).optional().catch([])
const targets = z.object({ deployments: named, pools: named }).optional().catch(undefined)
const rule = z.object({
  when: z.object({ tenants: texts, sensitivities: texts }).optional().catch(undefined),
  only: targets,
  prefer: targets,
})

export const fallbackKinds = ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'] as const

const model = z.object({
  fallbacks: texts,
  context_window_fallbacks: texts,
  content_policy_fallbacks: texts,
  deployments: z.array(deployment.catch({})).default([]).catch([]),
  rules: z.array(rule.catch({})).default([]).catch([]),
})
const noModel = model.parse({})

const tenant = z.object({
  models: texts,
  sensitivity: z.object({ floor: text }).default({}).catch({}),
})

const outlineSchema = z.object({
  pools: z
    .record(z.string(), z.object({ residency: text }).catch({}))
    .default({})
    .catch({}),
  models: z.record(z.string(), model.catch(noModel)).default({}).catch({}),
  tenants: z
    .record(z.string(), tenant.catch({ models: [], sensitivity: {} }))
    .default({})
    .catch({}),
})

export type RoutingOutline = z.output<typeof outlineSchema>
export type ModelOutline = RoutingOutline['models'][string]
export type DeploymentOutline = ModelOutline['deployments'][number]
export type RuleOutline = ModelOutline['rules'][number]

/** `value` may be anything. */
export function outlineRouting(value: unknown): RoutingOutline {
  return outlineSchema.catch({ pools: {}, models: {}, tenants: {} }).parse(value)
}

/** An own entry: names such as `constructor` are no models. */
export function entryOf<Value>(entries: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined
}

/** The models that a job may come to after any failure, the first included. */
export function fallbackChain(models: RoutingOutline['models'], first: string): ModelOutline[] {
  const names = new Set([first])
  // A set's iteration goes on over what is added meanwhile.
  for (const name of names) {
    for (const next of entryOf(models, name)?.fallbacks ?? []) if (next !== undefined) names.add(next)
  }
  return [...names].flatMap((name) => entryOf(models, name) ?? [])
}
