import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../src/core/route-refusal.ts'
import { routeJob, toCandidates } from '../../src/core/routing.ts'
import {
  catalogueOf,
  deployment,
  gate,
  inCloud,
  model,
  openBreaker,
  priced,
  reasons,
  request,
  route,
  rule,
  signals,
} from '../support/routes.ts'

const a = deployment('a')
const b = deployment('b')
const c = deployment('c')
const without = (...lacking: string[]) => ({
  capabilities: new Set([...a.capabilities].filter((each) => !lacking.includes(each))),
})

describe('the order of the configuration', () => {
  it('decides where nothing else does', () => {
    expect(route([model('m', [b, a, c])])).toEqual(['b', 'a', 'c'])
  })

  it('gives way to tiers', () => {
    const models = [model('m', [deployment('late', { tier: 3 }), deployment('first'), deployment('next', { tier: 2 })])]
    expect(route(models)).toEqual(['first', 'next', 'late'])
  })
})

describe('strategies', () => {
  const cheap = deployment('cheap', { price: priced(1_000_000, 9_000_000) })
  const even = deployment('even', { price: priced(3_000_000, 3_000_000) })

  it('`cheapest` goes by price and estimated tokens, and what is free goes first', () => {
    const models = [model('m', [even, cheap, deployment('free')], { strategy: 'cheapest' })]
    // 500 tokens of answer: 10 + 1500 and 10 + 4500.
    expect(route(models, { promptTokens: 10 })).toEqual(['free', 'even', 'cheap'])
    expect(route(models, { promptTokens: 100_000 })).toEqual(['free', 'cheap', 'even'])
    expect(route(models, { promptTokens: 100, outputTokens: 10 })).toEqual(['free', 'cheap', 'even'])
  })

  it('`cheapest` counts no tokens where the prices alone say it', () => {
    const dear = deployment('dear', { price: priced(4_000_000, 10_000_000) })
    const onCount = () => expect.fail('counted')
    expect(route([model('m', [dear, even], { strategy: 'cheapest' })], { onCount })).toEqual(['even', 'dear'])
  })

  it('`fastest` goes by the time that an answer takes', () => {
    const models = [model('m', [a, b], { strategy: 'fastest' })]
    const known = {
      a: { speed: { firstTokenMs: 100, tokensPerSecond: 10 } },
      b: { speed: { firstTokenMs: 2_000, tokensPerSecond: 100 } },
    }
    expect(route(models, {}, known)).toEqual(['b', 'a'])
    expect(route(models, { outputTokens: 5 }, known)).toEqual(['a', 'b'])
  })

  it('`fastest` tries an unknown one first for about one job of ten', () => {
    const models = [model('m', [a, b], { strategy: 'fastest' })]
    const known = { a: { speed: { firstTokenMs: 100, tokensPerSecond: 10 } } }
    const first = Array.from({ length: 2_000 }, (_, index) => route(models, { seed: `job_${index}` }, known)[0])
    const tried = first.filter((id) => id === 'b').length
    expect(tried).toBeGreaterThan(140)
    expect(tried).toBeLessThan(260)
  })

  it('`least-busy` goes by load, and spreads jobs over equals', () => {
    const models = [model('m', [a, b, c], { strategy: 'least-busy' })]
    expect(route(models, {}, { a: { load: 7 }, b: { load: 2 }, c: { load: 5 } })).toEqual(['b', 'c', 'a'])
    const first = Array.from({ length: 300 }, (_, index) => route(models, { seed: `job_${index}` })[0])
    expect(new Set(first)).toEqual(new Set(['a', 'b', 'c']))
  })
})

describe('weights', () => {
  it('split the jobs of a tier by chance that is the same for the same job', () => {
    const models = [model('m', [deployment('stable', { weight: 95 }), deployment('canary', { weight: 5 })])]
    const first = Array.from({ length: 10_000 }, (_, index) => route(models, { seed: `job_${index}` })[0])
    const canaries = first.filter((id) => id === 'canary').length
    expect(canaries).toBeGreaterThan(400)
    expect(canaries).toBeLessThan(600)
    expect(route(models, { seed: 'job_7' })).toEqual(route(models, { seed: 'job_7' }))
  })

  it('of 0 leave a deployment as a fallback, behind every tier', () => {
    const drained = deployment('drained', { weight: 0 })
    const models = [model('m', [drained, deployment('b', { weight: 1 }), deployment('c', { tier: 2 })])]
    expect(route(models)).toEqual(['b', 'c', 'drained'])
  })
})

describe('rules', () => {
  const studio = deployment('studio')
  const cloud = deployment('cloud', inCloud)

  it('send routine tasks to the studio and complex ones to the cloud', () => {
    const toPool = (pool: string) => ({ prefer: { deployments: [], pools: [pool] } })
    const rules = [
      rule({ tags: { task: 'routine' } }, toPool('studio')),
      rule({ minPromptTokens: 4_000 }, toPool('cloud')),
      rule({ needs: ['tools'] }, toPool('cloud')),
    ]
    const models = [model('m', [studio, cloud], { rules })]
    expect(route(models, { promptTokens: 9_000 })).toEqual(['cloud', 'studio'])
    expect(route(models, { needs: ['chat', 'tools'] })).toEqual(['cloud', 'studio'])
    expect(route(models)).toEqual(['studio', 'cloud'])
    expect(route(models, { promptTokens: 9_000, tags: { task: 'routine', team: 'x' } })).toEqual(['studio', 'cloud'])
  })

  it.each([
    [{ tenants: ['globex'] }, { tenant: 'globex' }],
    [{ priorities: ['batch'] }, { priority: 'batch' }],
    [{ sensitivities: ['public'] }, { sensitivity: 'public', tenant: 'globex' }],
    [{ maxPromptTokens: 10 }, { promptTokens: 10 }],
    [{ tags: { a: '1', b: '2' } }, { tags: { a: '1', b: '2' } }],
  ] as const)('with %o fit what they say, and nothing else', (when, fitting) => {
    const rules = [rule(when as never, { only: { deployments: ['cloud'], pools: [] } })]
    const models = [model('m', [studio, cloud], { rules })]
    const other = {
      tenant: 'acme',
      priority: 'standard',
      sensitivity: 'internal',
      promptTokens: 11,
      tags: { a: '1' },
    } as const
    expect(route(models, fitting as never)).toEqual(['cloud'])
    expect(route(models, other)).toEqual(['studio', 'cloud'])
  })

  it('do not count a prompt whose length in bytes says enough', () => {
    const prefer = { deployments: ['cloud'], pools: [] }
    const rules = [rule({ minPromptTokens: 100 }, { prefer }), rule({ maxPromptTokens: 80 }, { prefer })]
    const onCount = () => expect.fail('counted')
    expect(route([model('m', [studio, cloud], { rules })], { promptBytes: 80, onCount })).toEqual(['cloud', 'studio'])
  })

  it('decide alone when they fit: a later one is not asked', () => {
    const rules = [
      rule({ tags: { a: '1' } }, { strategy: 'cheapest' }),
      rule({}, { only: { deployments: ['cloud'], pools: [] } }),
    ]
    const dear = deployment('studio', { price: priced(1, 1) })
    expect(route([model('m', [dear, cloud], { rules })], { tags: { a: '1' } })).toEqual(['cloud', 'studio'])
    expect(reasons([model('m', [dear, cloud], { rules })])).toEqual({
      studio: 'rule: rule 2 of m lets only others serve',
    })
  })
})

describe('what a deployment cannot do', () => {
  it('leaves it out: its class', () => {
    const cloud = deployment('cloud', inCloud)
    const leaving = deployment('leaving', { leavesPremises: true })
    const models = [model('m', [cloud, a, leaving])]
    expect(route(models, { sensitivity: 'restricted' })).toEqual(['a'])
    expect(route(models, { sensitivity: 'internal' })).toEqual(['cloud', 'a'])
    expect(route(models, { sensitivity: 'public' })).toEqual(['cloud', 'a', 'leaving'])
    expect(reasons(models, { sensitivity: 'restricted' })).toEqual({
      cloud: 'class: cloud is a cloud pool, the job is restricted',
      leaving: 'class: its upstream is a cloud, studio gets no masked text, the job is restricted',
    })
  })

  it('leaves it out: capabilities, context, price', () => {
    const models = [
      model(
        'm',
        [
          deployment('blind', without('images', 'tools')),
          deployment('small', { contextTokens: 8_192 }),
          deployment('dear', { price: priced(3_000_000, 15_000_000) }),
          deployment('good', { contextTokens: 16_384 }),
        ],
        { maxPrice: { input: null, output: 10_000_000 } },
      ),
    ]
    const sketch = { needs: ['chat', 'images'], promptTokens: 8_000, outputTokens: 300 } as const
    expect(route(models, sketch)).toEqual(['good'])
    expect(reasons(models, sketch)).toEqual({
      blind: 'capability: it lacks images',
      small: 'context: its context has 8192 tokens, the prompt about 8000 and the answer 300',
      dear: 'price: its output costs $15 per million tokens, max_price is $10',
    })
  })

  it('is not asked of the tokenizer where bytes are few enough', () => {
    const onCount = () => expect.fail('counted')
    expect(route([model('m', [deployment('a', { contextTokens: 100 })])], { promptBytes: 99, onCount })).toEqual(['a'])
  })
})

describe('what passes by itself', () => {
  const busy = { gate: gate({ closed: { reason: 'requests', opensAtMs: 2_000 } }) }
  const away = { gate: openBreaker }

  it('costs a deployment its place and nothing more', () => {
    const models = [model('m', [a, b, deployment('c', { tier: 2 })])]
    expect(route(models, {}, { a: away, b: busy })).toEqual(['c', 'b', 'a'])
    expect(route(models, {}, { a: { readyNodes: 0 }, b: { readyNodes: 0 }, c: { readyNodes: 0 } })).toEqual([
      'a',
      'b',
      'c',
    ])
  })

  it('is over when its time is, however long ago it was seen', () => {
    const models = [model('m', [a, b])]
    expect(route(models, { nowMs: 7_999 }, { a: away })).toEqual(['b', 'a'])
    expect(route(models, { nowMs: 8_000 }, { a: away })).toEqual(['a', 'b'])
  })

  it('says what it is', () => {
    const models = [model('m', [a, b, c, deployment('d')])]
    const known = {
      a: away,
      b: busy,
      c: { readyNodes: 0 },
      d: { speed: { firstTokenMs: 1_000, tokensPerSecond: 10 } },
    }
    const { candidates } = routeJob(request({ deadlineMs: 20_000 }), catalogueOf(models), signals(known))
    expect(candidates.map(({ deployment: { id }, stand }) => [id, stand.standing, stand.note])).toEqual([
      ['b', 'busy', 'its requests of this minute are used up, for another 2 s'],
      ['d', 'late', 'an answer takes it about 51.0 s, the deadline is in 20.0 s'],
      ['a', 'away', 'its breaker is open, for another 8 s'],
      ['c', 'away', 'no live node of studio takes jobs for it'],
    ])
  })

  it('sends a job on to a fallback, unless its model says that it waits', () => {
    const other = model('other', [b])
    const falling = [model('m', [a], { fallbacks: ['other'] }), other]
    const waiting = [model('m', [a], { fallbacks: ['other'], onOutage: 'wait' }), other]
    expect(route(falling, {}, { a: away })).toEqual(['b', 'a'])
    expect(route(falling, {}, { a: busy })).toEqual(['a', 'b'])
    expect(route(waiting, {}, { a: away })).toEqual(['a', 'b'])
  })
})

describe('fallbacks', () => {
  it('follow the model that was asked for, what it names before what those name, each once', () => {
    const models = [
      model('m', [a], { fallbacks: ['n', 'o'] }),
      model('n', [b], { fallbacks: ['p', 'o'] }),
      model('o', [c]),
      model('p', [deployment('d')]),
    ]
    expect(route(models)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('of the other two kinds are told apart, also where one model is in several', () => {
    const models = [
      model('m', [a], { fallbacks: ['n'], contextWindowFallbacks: ['n', 'o'], contentPolicyFallbacks: ['o'] }),
      model('n', [b], { contextWindowFallbacks: ['p'] }),
      model('o', [c]),
      model('p', [deployment('d')]),
    ]
    expect(route(models)).toEqual([
      'a',
      'b',
      'context_too_long:b',
      'context_too_long:c',
      'context_too_long:d',
      'content_policy:c',
    ])
  })

  it('for long prompts go first when the prompt is too long for every deployment of the model', () => {
    const models = [
      model('m', [deployment('small', { contextTokens: 10 })], { fallbacks: ['n'], contextWindowFallbacks: ['o'] }),
      model('n', [b]),
      model('o', [c]),
    ]
    expect(route(models, { promptTokens: 50 })).toEqual(['c', 'b'])
    expect(route(models, { promptTokens: 5 })).toEqual(['small', 'b', 'context_too_long:c'])
  })

  it('go by the rules, tiers and ceilings of their own models', () => {
    const models = [
      model('m', [a], { fallbacks: ['n'], maxPrice: { input: 1, output: 1 } }),
      model('n', [deployment('b', { price: priced(9, 9), tier: 2 }), c], { fallbacks: [] }),
    ]
    expect(route(models)).toEqual(['a', 'c', 'b'])
  })

  it('are told to dispatchers with their model and what they are for', () => {
    const models = [
      model('m', [a], { contextWindowFallbacks: ['n'] }),
      model('n', [deployment('b', { ...inCloud, contextTokens: 9 })]),
    ]
    const { candidates } = routeJob(request({ promptTokens: 1 }), catalogueOf(models), signals())
    expect(toCandidates('m', candidates)).toEqual([
      { deployment: 'a', pool: 'studio' },
      { deployment: 'b', pool: 'cloud', model: 'n', after: 'context_too_long', contextTokens: 9 },
    ])
  })
})

describe('a refusal', () => {
  const refuse = (models: Parameters<typeof route>[0], sketch: Parameters<typeof request>[0]) => {
    const asked = request(sketch)
    return refusalOf(routeJob(asked, catalogueOf(models), signals()), asked, 'found IBAN')
  }
  const cloud = deployment('cloud', inCloud)

  it('is the policy’s where nobody may see the job', () => {
    expect(refuse([model('m', [cloud])], { sensitivity: 'restricted' })).toEqual({
      code: 'no_eligible_deployment',
      message: 'No deployment of this model may see a restricted job (found IBAN).',
    })
    const rules = [rule({}, { only: { deployments: ['cloud'], pools: [] } })]
    expect(refuse([model('m', [cloud, a], { rules })], { sensitivity: 'restricted' })).toEqual({
      code: 'no_eligible_deployment',
      message:
        'No deployment of this model may serve this restricted job: ' +
        'cloud: cloud is a cloud pool, the job is restricted; a: rule 1 of m lets only others serve.',
    })
  })

  it('has OpenAI’s code where the prompt is too long for those that may see it', () => {
    const small = deployment('small', { contextTokens: 10 })
    expect(refuse([model('m', [small, cloud])], { sensitivity: 'restricted', promptTokens: 50 })).toEqual({
      code: 'context_length_exceeded',
      message:
        'The prompt is too long for every deployment of this model: ' +
        'small: its context has 10 tokens, the prompt about 50 and the answer some; ' +
        'cloud: cloud is a cloud pool, the job is restricted.',
    })
  })

  it('names what is needed and what each lacks', () => {
    const needs = ['chat', 'images', 'tools'] as const
    expect(
      refuse([model('m', [deployment('blind', without('images')), deployment('mute', without('tools'))])], { needs }),
    ).toEqual({
      code: 'unsupported_by_deployments',
      message:
        'No deployment of this model can serve this request, which needs chat, images, tools: ' +
        'blind: it lacks images; mute: it lacks tools.',
    })
  })

  it('is not kept from a job that only a fallback for one failure could serve', () => {
    const models = [model('m', [cloud], { contentPolicyFallbacks: ['n'] }), model('n', [a])]
    expect(route(models, { sensitivity: 'restricted' })).toEqual(['content_policy:a'])
  })
})
