/**
 * What several keys must agree on: references between models, pools and tenants, unique names and keys, classes of
 * sensitivity. The checks read a lenient outline of the file, so that they find their problems in the same run in
 * which the schema finds its own; where the outline has nothing, the schema has already complained.
 */
import { z } from 'zod'
import { sensitivities } from '../core/vocabulary.ts'
import { findPrice } from '../pricing/catalogue.ts'
import { checkBlobs } from './check-blobs.ts'
import { checkBudgets } from './check-budgets.ts'
import { checkClasses } from './check-classes.ts'
import { checkFallbacks } from './check-fallbacks.ts'
import { checkRules } from './check-rules.ts'
import { parseDurationMs } from './duration.ts'
import { outlineRouting } from './outline.ts'
import type { ConfigPath, Finding } from './problems.ts'
import { providerNames } from './provider-presets.ts'
import { describeAllowed } from './suggestion.ts'

const text = z.string().optional().catch(undefined)
const texts = z.array(text).default([]).catch([])

const deployment = z.object({
  id: text,
  pool: text,
  provider: text,
  model: text,
  base_url: z.unknown(),
  aws: z.unknown(),
  free: z.unknown(),
  price: z.unknown(),
})
const model = z.object({
  deployments: z.array(deployment.partial().catch({})).default([]).catch([]),
})
const classes = z.object({ default: text, floor: text })
const keyValue = z
  .unknown()
  .transform((value) => (isNamedKey(value) ? value.key : value))
  .pipe(text)
const tenant = z.object({
  keys: z.array(keyValue).default([]).catch([]),
  models: texts,
  sensitivity: classes.default({}).catch({}),
})

const outlineSchema = z.object({
  pools: z.record(z.string(), z.unknown()).default({}).catch({}),
  models: z
    .record(z.string(), model.catch({ deployments: [] }))
    .default({})
    .catch({}),
  tenants: z
    .record(z.string(), tenant.catch({ keys: [], models: [], sensitivity: {} }))
    .default({})
    .catch({}),
  retry: z.object({ base_delay: text, max_delay: text }).default({}).catch({}),
})

type Outline = z.output<typeof outlineSchema>

function isNamedKey(value: unknown): value is { key: unknown } {
  return typeof value === 'object' && value !== null && 'key' in value
}

/** Finds what is wrong between keys. `value` may be anything; the schema judges its shape. */
export function findContradictions(value: unknown): readonly Finding[] {
  const outline = outlineSchema.safeParse(value).data
  if (outline === undefined) return []
  const routing = outlineRouting(value)
  return [
    ...checkDeployments(outline),
    ...checkFallbacks(routing),
    ...checkRules(routing),
    ...checkClasses(routing),
    ...checkTenants(outline),
    ...checkTenantKeys(outline),
    ...checkDelays(outline),
    ...checkBudgets(value),
    ...checkBlobs(value),
  ]
}

function checkDeployments({ pools, models }: Outline): Finding[] {
  const findings: Finding[] = []
  const poolNames = Object.keys(pools)
  const pathsById = new Map<string, ConfigPath>()
  for (const [name, { deployments }] of Object.entries(models)) {
    for (const [index, each] of deployments.entries()) {
      const { id, pool, provider, base_url } = each
      const path = ['models', name, 'deployments', index]
      if (pool !== undefined && poolNames.length > 0 && !poolNames.includes(pool)) {
        findings.push(unknownName('pool', [...path, 'pool'], pool, poolNames))
      }
      if (id !== undefined && pathsById.has(id)) {
        const advice = 'each deployment of the file needs its own'
        findings.push({ path: [...path, 'id'], message: 'a second deployment has the id', value: id, advice })
      }
      if (id !== undefined) pathsById.set(id, path)
      if ((provider === 'openai-compatible' || provider === 'azure') && base_url === undefined) {
        findings.push({ path: [...path, 'base_url'], message: `is required: ${provider} has no URL of its own` })
      }
      if (provider === 'bedrock' && each.aws === undefined) {
        findings.push({ path: [...path, 'aws'], message: 'is required: bedrock is called in a region' })
      }
      if (hasUnknownPrice(each)) {
        const advice = 'say `free: true`, or what it costs with `price: { input: …, output: … }`'
        const message = 'the catalogue has no price for the model'
        findings.push({ path: [...path, 'model'], message, value: each.model ?? '', advice })
      }
    }
  }
  return findings
}

/** Spending that nobody can count would pass every budget. */
function hasUnknownPrice({ provider, model, free, price }: Outline['models'][string]['deployments'][number]): boolean {
  if (provider === undefined || model === undefined || provider === 'sandbox') return false
  const isKnownProvider = (providerNames as readonly string[]).includes(provider)
  return isKnownProvider && free !== true && price === undefined && findPrice(provider, model) === null
}

function unknownName(kind: string, path: ConfigPath, name: string, allowed: readonly string[]): Finding {
  return { path, message: `unknown ${kind}`, value: name, advice: describeAllowed(name, allowed) }
}

function checkTenants({ models, tenants }: Outline): Finding[] {
  const names = Object.keys(models)
  return Object.entries(tenants).flatMap(([tenantName, { models: wanted, sensitivity }]) => {
    const unknown = wanted.flatMap((name, index) =>
      name === undefined || name === '*' || names.length === 0 || names.includes(name)
        ? []
        : [unknownName('model', ['tenants', tenantName, 'models', index], name, ['*', ...names])],
    )
    return [...unknown, ...checkDefault(['tenants', tenantName, 'sensitivity'], sensitivity)]
  })
}

function checkDefault(path: ConfigPath, { default: usual, floor }: z.output<typeof classes>): Finding[] {
  const ranked: readonly string[] = sensitivities
  const rank = (word: string) => ranked.indexOf(word)
  const usualRank = rank(usual ?? 'internal')
  const floorRank = rank(floor ?? 'public')
  if (usualRank < 0 || floorRank < 0 || usualRank >= floorRank) return []
  const message = `the default ${sensitivities[usualRank]} is below the floor ${sensitivities[floorRank]}`
  const advice = `set default to ${sensitivities.slice(floorRank).join(' or ')}`
  return [{ path: [...path, usual === undefined ? 'floor' : 'default'], message, advice }]
}

function checkTenantKeys({ tenants }: Outline): Finding[] {
  const owners = new Map<string, string>()
  const findings: Finding[] = []
  for (const [name, { keys }] of Object.entries(tenants)) {
    for (const [index, key] of keys.entries()) {
      if (key === undefined) continue
      const owner = owners.get(key)
      const whose = owner === name ? 'is listed twice' : `is also a key of tenant ${owner}`
      if (owner !== undefined) findings.push({ path: ['tenants', name, 'keys', index], message: `this key ${whose}` })
      else owners.set(key, name)
    }
  }
  return findings
}

function checkDelays({ retry }: Outline): Finding[] {
  const baseMs = parseDurationMs(retry.base_delay ?? '500ms')
  const maximumMs = parseDurationMs(retry.max_delay ?? '30s')
  if (baseMs === undefined || maximumMs === undefined || baseMs <= maximumMs) return []
  const key = retry.base_delay === undefined ? 'max_delay' : 'base_delay'
  return [{ path: ['retry', key], message: 'base_delay is longer than max_delay' }]
}
