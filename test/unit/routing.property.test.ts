import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capabilities } from '../../src/core/capabilities.ts'
import type { GateClosedReason } from '../../src/core/gate.ts'
import type { DeploymentFacts, ModelFacts } from '../../src/core/route-facts.ts'
import { estimateCost, isGone } from '../../src/core/route-order.ts'
import { routeJob } from '../../src/core/routing.ts'
import { sensitivities } from '../../src/core/vocabulary.ts'
import {
  catalogueOf,
  deployment,
  gate,
  inCloud,
  model,
  priced,
  type RequestSketch,
  request,
  signals,
} from '../support/routes.ts'

const strategies = ['ordered', 'cheapest', 'fastest', 'least-busy'] as const
const names = ['m', 'n', 'o', 'p'] as const
const price = fc.option(
  fc.tuple(fc.nat(20), fc.nat(20)).map(([input, output]) => priced(input * 1_000_000, output * 1_000_000)),
)
const facts = fc.record({
  cloud: fc.boolean(),
  tier: fc.integer({ min: 1, max: 3 }),
  weight: fc.option(fc.integer({ min: 0, max: 3 })),
  price,
  contextTokens: fc.option(fc.integer({ min: 1, max: 100 })),
  lacks: fc.option(fc.constantFrom('tools' as const, 'images' as const)),
})

type Sketch = typeof facts extends fc.Arbitrary<infer Value> ? Value : never

function toDeployment(id: string, { cloud, lacks, ...rest }: Sketch): DeploymentFacts {
  const own = { capabilities: new Set(capabilities.filter((each) => each !== lacks)), ...rest }
  return deployment(id, cloud ? { ...own, ...inCloud } : own)
}

/** Models that may only fall back on later ones, so that there is no circle. */
const someModels = fc
  .array(
    fc.record({
      deployments: fc.array(facts, { minLength: 1, maxLength: 4 }),
      strategy: fc.constantFrom(...strategies),
      onOutage: fc.constantFrom('fallback' as const, 'wait' as const),
      links: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: names.length },
  )
  .map((rows) =>
    rows.map(({ deployments, links, ...rest }, place): ModelFacts => {
      const later = names.slice(place + 1, rows.length)
      const kind = (wanted: number) => later.filter((_, index) => links[index] === wanted)
      return model(
        names[place] ?? 'm',
        deployments.map((each, index) => toDeployment(`${names[place]}${index}`, each)),
        { ...rest, fallbacks: kind(0), contextWindowFallbacks: kind(1), contentPolicyFallbacks: kind(2) },
      )
    }),
  )

const reasons: readonly (GateClosedReason | null)[] = [null, null, 'breaker', 'requests', 'parallel', 'retry_after']
const someSignals = fc
  .dictionary(
    fc.constantFrom(...names.flatMap((name) => [0, 1, 2, 3].map((index) => `${name}${index}`))),
    fc.record({
      reason: fc.constantFrom(...reasons),
      readyNodes: fc.constantFrom(null, 0, 1),
      load: fc.nat(9),
      speed: fc.option(fc.record({ firstTokenMs: fc.nat(5_000), tokensPerSecond: fc.integer({ min: 1, max: 200 }) })),
    }),
  )
  .map((known) =>
    signals(
      Object.fromEntries(
        Object.entries(known).map(([id, { reason, ...rest }]) => [
          id,
          { ...rest, gate: gate({ closed: reason && { reason, opensAtMs: 5_000 } }) },
        ]),
      ),
    ),
  )

const someRequest: fc.Arbitrary<RequestSketch> = fc.record({
  seed: fc.string({ minLength: 1, maxLength: 8 }),
  sensitivity: fc.constantFrom(...sensitivities),
  promptTokens: fc.integer({ min: 1, max: 120 }),
  needs: fc.constantFrom(['chat'] as const, ['chat', 'tools'] as const, ['chat', 'images'] as const),
  deadlineMs: fc.constantFrom(3_000, 3_600_000),
})

describe('routing', () => {
  it('tries each deployment once, or says why not, and loses none to a passing trouble', () => {
    fc.assert(
      fc.property(someModels, someRequest, someSignals, (models, sketch, known) => {
        const catalogue = catalogueOf(models)
        const { candidates, leftOut } = routeJob(request(sketch), catalogue, known)
        const always = candidates.filter(({ after }) => after === null).map(({ deployment: { id } }) => id)
        expect(new Set(always).size).toBe(always.length)
        const out = new Set(leftOut.map(({ deployment: { id } }) => id))
        expect(candidates.filter(({ deployment: { id } }) => out.has(id))).toEqual([])
        for (const { id } of models[0]?.deployments ?? []) expect(always.includes(id) || out.has(id)).toBe(true)

        const calm = routeJob(request(sketch), catalogue, signals())
        expect(new Set(candidates.map(({ deployment: { id } }) => id))).toEqual(
          new Set(calm.candidates.map(({ deployment: { id } }) => id)),
        )
        expect(leftOut).toEqual(calm.leftOut)
      }),
    )
  })

  it('takes nobody who may not or cannot serve', () => {
    fc.assert(
      fc.property(someModels, someRequest, someSignals, (models, sketch, known) => {
        const asked = request(sketch)
        for (const { deployment: each } of routeJob(asked, catalogueOf(models), known).candidates) {
          expect(sketch.sensitivity === 'restricted' && each.residency === 'cloud').toBe(false)
          expect([...asked.wish().needs].every((need) => each.capabilities.has(need))).toBe(true)
          expect(each.contextTokens === null || asked.prompt.count() < each.contextTokens).toBe(true)
        }
      }),
    )
  })

  it('puts tiers before weights and strategy, and what is away or late behind what is there', () => {
    fc.assert(
      fc.property(someModels, someRequest, someSignals, (models, sketch, known) => {
        const { candidates } = routeJob(request(sketch), catalogueOf(models), known)
        const own = candidates.filter(({ deployment: { model: name }, after }) => name === 'm' && after === null)
        const gone = own.map(({ stand }) => isGone(stand))
        expect(gone).toEqual(gone.toSorted((left, right) => Number(left) - Number(right)))
        const ready = own.filter(({ stand, deployment: { weight } }) => stand.standing === 'ready' && weight !== 0)
        const tiers = ready.map(({ deployment: { tier } }) => tier)
        expect(tiers).toEqual(tiers.toSorted((left, right) => left - right))
      }),
    )
  })

  it('orders the ready ones of a tier without weights by what its strategy goes by', () => {
    fc.assert(
      fc.property(someModels, someRequest, someSignals, (models, sketch, known) => {
        const [asked] = models
        const made = request(sketch)
        const ready = routeJob(made, catalogueOf(models), known).candidates.filter(
          ({ deployment: { model: name }, stand, after }) =>
            name === 'm' && stand.standing === 'ready' && after === null,
        )
        const drawn = new Set(asked?.deployments.flatMap(({ weight, tier }) => (weight === null ? [] : [tier])))
        for (const tier of [1, 2, 3].filter((each) => !drawn.has(each))) {
          const scores = ready
            .filter(({ deployment: each }) => each.tier === tier)
            .map(({ deployment: each }) => {
              if (asked?.strategy === 'cheapest') return estimateCost(each.price, made)
              if (asked?.strategy === 'least-busy') return known.of(each.id).load
              return asked?.strategy === 'ordered' ? Number(each.id.slice(1)) : 0
            })
          expect(scores).toEqual(scores.toSorted((left, right) => left - right))
        }
      }),
    )
  })

  it('is the same for the same job, whatever the order in which deployments with weights are written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        fc.string(),
        (weights, seed) => {
          const all = weights.map((weight, index) => deployment(`d${index}`, { weight }))
          const order = (written: readonly DeploymentFacts[]) =>
            routeJob(request({ seed }), catalogueOf([model('m', written)]), signals()).candidates.map(
              ({ deployment: { id } }) => id,
            )
          expect(order(all)).toEqual(order(all.toReversed()))
        },
      ),
    )
  })
})
