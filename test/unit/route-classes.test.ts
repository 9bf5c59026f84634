import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAuditing } from '../../src/compose/auditing.ts'
import { createCatalogue } from '../../src/compose/catalogue.ts'
import { type Config, type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { createJobId, type JobSpec } from '../../src/core/job.ts'
import { poolsOf, routeJob } from '../../src/core/routing.ts'
import type { RoutingSignals } from '../../src/core/routing-signals.ts'
import { type Sensitivity, sensitivities } from '../../src/core/vocabulary.ts'
import { decide } from '../../src/pipeline/decide-job.ts'
import { createTokenCounter } from '../../src/pricing/token-counter.ts'
import { silentLog } from '../support/mortal.ts'
import { request, signals } from '../support/routes.ts'

/**
 * Every configuration that can be made of these parts: who serves three models, how they fall back on each other, which
 * rule the first one has, whose deployments are away, whether the prompt is too long for the first model. Each is asked
 * for a job of each class, and nothing that it answers may carry a job where its class forbids.
 */
const residencies = { studio: 'onprem', cloud: 'cloud' } as const
type Pool = keyof typeof residencies
const poolSets: readonly (readonly Pool[])[] = [['studio'], ['cloud'], ['cloud', 'studio'], ['studio', 'cloud']]
const kinds = [null, 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'] as const
type Kind = (typeof kinds)[number]

type ModelInput = NonNullable<ConfigInput['models']>[string]
type Rules = NonNullable<ModelInput['rules']>
const ruleSets: readonly Rules[] = [
  [],
  [{ when: {}, only: { pools: ['cloud'] } }],
  [{ when: {}, only: { pools: ['studio'] } }],
  [{ when: {}, prefer: { pools: ['cloud'] } }],
  [{ when: { sensitivities: ['restricted'] }, only: { pools: ['cloud'] } }],
  [{ when: { sensitivities: ['internal', 'restricted'] }, prefer: { pools: ['cloud'] }, strategy: 'cheapest' }],
]
const strategies = ['ordered', 'cheapest', 'fastest', 'least-busy'] as const

interface Sketch {
  readonly pools: readonly [readonly Pool[], readonly Pool[], readonly Pool[]]
  /** How the first model falls back on the second, and the second on the third. */
  readonly falls: readonly [Kind, Kind]
  readonly rules: Rules
  readonly strategy: (typeof strategies)[number]
}

function configFor({ pools, falls, rules, strategy }: Sketch): Config {
  const modelInput = (name: string, own: readonly Pool[], next: string, kind: Kind | undefined): ModelInput => ({
    strategy,
    ...(name === 'first' && { rules }),
    ...(kind && { [kind]: [next] }),
    deployments: own.map((pool) => ({
      id: `${name}-${pool}`,
      pool,
      provider: 'openai-compatible',
      base_url: `http://${pool}.invalid/v1`,
      model: 'any',
      price: { input: pool === 'cloud' ? 1 : 2, output: 4 },
      ...(name === 'first' && { context_tokens: 1_000 }),
    })),
  })
  return configSchema.parse({
    pools: Object.fromEntries(Object.entries(residencies).map(([pool, residency]) => [pool, { residency }])),
    models: {
      first: modelInput('first', pools[0], 'second', falls[0]),
      second: modelInput('second', pools[1], 'third', falls[1]),
      third: modelInput('third', pools[2], '', null),
    },
    tenants: { acme: { keys: ['sk-acme-0123456789'] } },
  } satisfies ConfigInput)
}

/** The four strategies take turns: they order, and the classes must not depend on that. */
function* sketches(third: readonly (readonly Pool[])[]): Generator<Sketch> {
  let turn = 0
  for (const one of poolSets)
    for (const two of poolSets)
      for (const three of third)
        for (const first of kinds)
          for (const second of kinds)
            for (const rules of ruleSets) {
              const strategy = strategies[turn++ % strategies.length] ?? 'ordered'
              yield { pools: [one, two, three], falls: [first, second], rules, strategy }
            }
}

const someAway: readonly RoutingSignals[] = [
  signals(),
  { of: (id) => signals({ [id]: { readyNodes: id.endsWith('studio') ? 0 : 1 } }).of(id), chose: () => {} },
]

describe('the cross-product of classes, residencies, fallbacks and rules', () => {
  it('has no way for a restricted job to a cloud pool', () => {
    let routes = 0
    for (const sketch of sketches(poolSets)) {
      const catalogue = createCatalogue(configFor(sketch))
      for (const sensitivity of sensitivities)
        for (const known of someAway)
          for (const promptTokens of [10, 5_000]) {
            const asked = request({ model: 'first', sensitivity, promptTokens })
            const { candidates, leftOut } = routeJob(asked, catalogue, known)
            routes++
            const pools = candidates.map(({ deployment }) => deployment.pool)
            if (sensitivity === 'restricted' && pools.includes('cloud')) expect.fail(JSON.stringify({ sketch, pools }))
            // Of what no class forbids, nothing gets lost.
            const judged = new Set([...candidates, ...leftOut].map(({ deployment }) => deployment.id))
            const all = catalogue.deploymentsOf('first') ?? []
            const lost = all.filter(({ deployment }) => !judged.has(deployment))
            if (lost.length > 0 && !isOnlyByDetour(sketch)) expect.fail(JSON.stringify({ sketch, lost }))
          }
    }
    expect(routes).toBe(4 ** 3 * 4 * 4 * 6 * 3 * 2 * 2)
  }, 120_000)

  it('gives no cloud pool a restricted body or an internal one unmasked, and every candidate’s pool its own', async () => {
    let decisions = 0
    const secret = 'ada.lovelace@example.com'
    for (const sketch of sketches([['cloud', 'studio']])) {
      const config = configFor(sketch)
      const catalogue = createCatalogue(config)
      const auditing = auditingOf(config)
      for (const [index, sensitivity] of sensitivities.entries()) {
        const spec = specOf(sensitivity)
        const content = `Summarise the mail of ${secret}.`
        const bodyJson = JSON.stringify({ model: 'first', messages: [{ role: 'user', content }] })
        const known = someAway[index % someAway.length] ?? signals()
        const decision = await decide(createJobId(), spec, bodyJson, {
          catalogue,
          auditing,
          signals: known,
          spending: {
            accounts: null as never,
            budgets: [],
            tariffOf: () => expect.fail('no budget asks for a price'),
            tokens: createTokenCounter(),
          },
          recall: null,
          now: () => 0,
        })
        decisions++
        if (decision.kind !== 'route') {
          expect(decision).toMatchObject({ kind: 'reject', code: 'no_eligible_deployment' })
          continue
        }
        const { plan, bodies, lane, sensitivity: decided } = decision
        // An address is personal data: what was public is no longer.
        expect(decided).toBe(sensitivity === 'restricted' ? 'restricted' : 'internal')
        expect(new Set(bodies.keys())).toEqual(new Set(plan.candidates.map(({ pool }) => pool)))
        expect(bodies.has('cloud')).toBe(decided === 'internal' && plan.candidates.some(({ pool }) => pool === 'cloud'))
        expect(bodies.get('cloud') ?? '').not.toContain(secret)
        expect(bodies.get('studio') ?? secret).toContain(secret)
        expect({ pool: lane.pool, sensitivity: lane.sensitivity }).toEqual({
          pool: plan.candidates[0]?.pool,
          sensitivity: decided,
        })
        // What ends a job takes the copies of its body along.
        expect(poolsOf('first', catalogue)).toEqual(expect.arrayContaining([...bodies.keys()]))
      }
    }
    expect(decisions).toBe(4 ** 2 * 4 * 4 * 6 * 3)
  }, 120_000)
})

/** One kind of fallback does not follow the other: a long prompt is no matter of content policy. */
function isOnlyByDetour({ falls: [first, second] }: Sketch): boolean {
  const crossing = ['context_window_fallbacks', 'content_policy_fallbacks']
  return crossing.includes(first ?? '') && crossing.includes(second ?? '') && first !== second
}

const vaultKey = randomBytes(32)
let auditing: ReturnType<typeof createAuditing> | undefined

function auditingOf(config: Config) {
  auditing ??= createAuditing(config, vaultKey, silentLog)
  return auditing
}

function specOf(sensitivity: Sensitivity): JobSpec {
  return {
    tenant: 'acme',
    keyId: 'key_1',
    endpoint: '/v1/chat/completions',
    model: 'first',
    surface: 'chat',
    stream: false,
    includeUsage: false,
    priority: 'standard',
    sensitivity,
    createdAtMs: 0,
    deadlineMs: 3_600_000,
  }
}
