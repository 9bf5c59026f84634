import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { budgetsOf } from '../../src/compose/budgets.ts'
import { createJobId } from '../../src/core/job.ts'
import { RedisAccounts } from '../../src/store/redis-accounts.ts'
import { type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker, webhookSecret } from '../support/broker.ts'
import { type ChatCall, completion, echo, hang, refuse } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { callCost, chatBody, jobBody, paidModels, price, Spender } from '../support/spending.ts'

/** Money from the first byte of a request to the last row about it, in a broker with all of its roles. */
let broker: TestBroker
let spender: Spender
let receiver: ScriptedUpstream
beforeAll(async () => {
  receiver = await startUpstream((response) => void response.writeHead(204).end())
  const keys = (name: string) => [keyOf(name)]
  broker = await startTestBroker({
    models: paidModels,
    config: {
      tenants: {
        acme: { keys: keys('acme'), sensitivity: { default: 'public' } },
        poor: { keys: keys('poor'), budgets: [{ usd: 0.04, per: 'day' }] },
        frugal: { keys: keys('frugal'), budgets: [{ usd: 0.001, per: 'month' }] },
        rolling: { keys: keys('rolling'), budgets: [{ usd: 0.04, per: 'hour', window: 'rolling' }] },
        total: { keys: keys('total'), budgets: [{ usd: 0.04, per: 'total' }] },
        rich: { keys: keys('rich'), budgets: [{ usd: 1_000, per: 'day' }] },
        held: { keys: keys('held'), budgets: [{ usd: 1_000, per: 'day' }] },
        ended: { keys: keys('ended'), budgets: [{ usd: 1_000, per: 'day' }] },
        uncounted: { keys: keys('uncounted'), budgets: [{ usd: 1_000, per: 'day' }] },
        abandoned: { keys: keys('abandoned'), budgets: [{ usd: 1, per: 'total' }] },
        scoped: {
          keys: [
            { name: 'ci', key: keyOf('scoped-ci') },
            { name: 'web', key: keyOf('scoped-web') },
          ],
          budgets: [
            { usd: 0.001, per: 'day', key: 'ci' },
            { usd: 0.001, per: 'day', tag: 'team=ads' },
            { usd: 0.001, per: 'day', model: 'other' },
          ],
        },
        soft: {
          keys: keys('soft'),
          webhook_secret: webhookSecret,
          budget_webhook: `${receiver.url}/budgets`,
          budgets: [{ usd: 10, soft_usd: 0.03, per: 'month' }],
        },
      },
    },
  })
  spender = new Spender(broker)
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const usd = (microUsd: number) => microUsd / 1_000_000

describe('a request that a budget has no room for', () => {
  it('is refused with the window, the reset and the word not to try again', async () => {
    expect((await spender.chat('poor')).status).toBe(200)
    await spender.untilSpent('poor', callCost)
    const calls = broker.upstream.calls.length
    const refused = await spender.chat('poor')
    expect(refused.headers.get('x-should-retry')).toBe('false')
    expect(refused.headers.get('retry-after')).toBeNull()
    const message = await expectApiError(refused.clone(), { status: 429, code: 'budget_exceeded' })
    expect(((await refused.json()) as { error: { type: string } }).error.type).toBe('insufficient_quota')
    const midnight = new Date(Math.ceil((Date.now() + 1) / 86_400_000) * 86_400_000).toISOString().replace('.000', '')
    expect(message).toMatch(/^Budget poor\/day of \$0\.04 per day has no room for the \$0\.0\d+ that this request may/)
    expect(message).toContain(`$0.017 spent, $0.00 held; it resets at ${midnight}`)
    expect(broker.upstream.calls).toHaveLength(calls)
  })

  it.each([
    ['rolling', /per 60 minutes .*there is room again by 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d/],
    ['total', /\$0\.04 in total .*it does not reset\.$/],
  ])('is told when a %s window has room again', async (tenant, message) => {
    expect((await spender.chat(tenant)).status).toBe(200)
    await spender.untilSpent(tenant, callCost)
    await expectApiError(await spender.chat(tenant), { status: 429, code: 'budget_exceeded', message })
  })

  it('is told by the larger of its two limits, for an upstream may go by either', async () => {
    const wants = { max_completion_tokens: 1, max_tokens: 1_000 }
    const message = /is less than the \$2\.0\d+ that this request may cost/
    await expectApiError(await spender.chat('poor', wants), { status: 429, code: 'budget_exceeded', message })
  })

  it('is not sent again by OpenAI’s client', async () => {
    const client = new OpenAI({ baseURL: broker.baseURL, apiKey: keyOf('frugal') })
    const before = await broker.redis.zcard('sluice:jobs:frugal')
    const refused = client.chat.completions.create(chatBody() as OpenAI.ChatCompletionCreateParamsNonStreaming)
    const error = await refused.then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ status: 429, code: 'budget_exceeded', type: 'insufficient_quota' })
    expect((await broker.redis.zcard('sluice:jobs:frugal')) - before).toBe(1)
  })

  it('is refused in the only record of a stream, which has begun by then', async () => {
    const refused = await spender.chat('frugal', { stream: true })
    const records = (await refused.text()).split('\n\n').filter((record) => record.startsWith('data: '))
    expect(records.map((record) => record.slice('data: '.length))).toEqual([
      expect.stringMatching(/^\{"error":\{"message":"Budget frugal.*"code":"budget_exceeded"/),
      '[DONE]',
    ])
  })

  it('is refused by the status of a stream where the API audits on arrival', async () => {
    await using together = await startTestBroker({
      models: paidModels,
      shared: true,
      config: { tenants: { frugal: { keys: [keyOf('frugal')], budgets: [{ usd: 0.001, per: 'month' }] } } },
    })
    const refused = await new Spender(together).chat('frugal', { stream: true })
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exceeded', type: 'insufficient_quota' } })
  })

  it('is a rejected job where it came as one', async () => {
    const id = await spender.submit('frugal')
    const job = await spender.ended('frugal', id)
    expect(job).toMatchObject({ status: 'rejected', attempts: [], error: { code: 'budget_exceeded' } })
    expect(job.error?.message).toMatch(/^Budget frugal\/month of \$0\.001 per month is less than the \$0\.0\d+ that/)
    expect(await spender.untilSpent('frugal', 0)).toMatchObject({ limit_usd: 0.001 })
  })

  it('is served by the deployments that cost nothing, if there are some', async () => {
    const served = await spender.chat('frugal', { model: 'mixed' })
    expect(served.status).toBe(200)
    expect(served.headers.get('x-sluice-deployment')).toBe('mixed-studio')
    expect(served.headers.get('x-sluice-cost-usd')).toBe('0')
    expect((await spender.chat('frugal', { model: 'free' })).status).toBe(200)
    const paid = await spender.chat('rich', { model: 'mixed' })
    expect(paid.headers.get('x-sluice-deployment')).toBe('mixed-cloud')
  })

  it.each([
    ['of its key', 'scoped-ci', {}, {}, 'scoped/day/key=ci'],
    ['of one of its tags', 'scoped-web', {}, { 'x-sluice-tags': 'env=prod,team=ads' }, 'scoped/day/tag=team=ads'],
    ['of its model', 'scoped-web', { model: 'other' }, {}, 'scoped/day/model=other'],
  ])('is refused by the budget %s alone', async (_whose, key, body, headers, budget) => {
    const message = new RegExp(`^Budget ${budget} of `)
    await expectApiError(await spender.chat(key, body, headers), { status: 429, code: 'budget_exceeded', message })
    expect((await spender.chat('scoped-web', {}, { 'x-sluice-tags': 'team=search' })).status).toBe(200)
  })
})

describe('what a request costs', () => {
  it('is its tokens times the price, in headers, jobs and budgets alike', async () => {
    const chat = await spender.chat('acme')
    expect(chat.headers.get('x-sluice-cost-usd')).toBe(String(usd(callCost)))
    const job = await spender.ended('acme', await spender.submit('acme'))
    expect(job).toMatchObject({ status: 'completed', cost_usd: usd(callCost) })
    expect(job.attempts).toMatchObject([{ outcome: 'completed', cost_usd: usd(callCost) }])
  })

  it('is held at its most while it runs, and what is not used is given back', async () => {
    const answer = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await answer.promise
      await echo(call, response)
    }
    const id = await spender.submit('held')
    const during = await eventually('money is held', async () => {
      const budget = await spender.budget('held')
      return budget.reserved_usd > 0 && budget
    })
    expect(during.spent_usd).toBe(0)
    expect(during.reserved_usd).toBeGreaterThanOrEqual(usd(10 * price.output + 7 * price.input))
    answer.resolve()
    expect(await spender.ended('held', id)).toMatchObject({ cost_usd: usd(callCost) })
    await spender.untilSpent('held', callCost)
  })

  it('is bounded by telling the upstream how much it may write, where the request does not', async () => {
    const limitsOf = async (tenant: string, body: object) => {
      expect((await spender.chat(tenant, body)).status).toBe(200)
      const call = broker.upstream.calls.at(-1) as ChatCall
      const { max_tokens, max_completion_tokens } = JSON.parse(call.request.body) as Record<string, unknown>
      return { max_tokens, max_completion_tokens }
    }
    const none = { max_tokens: undefined, max_completion_tokens: undefined }
    expect(await limitsOf('rich', none)).toEqual({ ...none, max_tokens: 4096 })
    expect(await limitsOf('rich', { ...none, model: 'reasoning' })).toEqual({ ...none, max_completion_tokens: 4096 })
    expect(await limitsOf('rich', { ...none, max_completion_tokens: 9 })).toEqual({ ...none, max_completion_tokens: 9 })
    // Nothing is held for these two.
    expect(await limitsOf('acme', none)).toEqual(none)
    expect(await limitsOf('rich', { ...none, model: 'free' })).toEqual(none)
  })

  it('is counted here where the provider does not count, and marked as an estimate', async () => {
    broker.upstream.script = (_call, response) => {
      const { usage: _usage, ...answer } = JSON.parse(completion('yes, of course'))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    }
    const id = await spender.submit('uncounted')
    const { cost_usd } = await spender.ended('uncounted', id)
    await spender.untilRecorded()
    const rows = await spender.ledger('&tenant=uncounted')
    expect(rows).toMatchObject([{ job: id, outcome: 'completed', estimated: true, micro_usd: (cost_usd ?? 0) * 1e6 }])
    const { tokens_in, tokens_out, micro_usd } = rows[0] as Record<string, number>
    expect(tokens_in).toBeGreaterThan(2)
    expect(tokens_out).toBeGreaterThan(2)
    expect(micro_usd).toBe(Number(tokens_in) * price.input + Number(tokens_out) * price.output)
    await spender.untilSpent('uncounted', Number(micro_usd))
  })
})

describe('money that was held', () => {
  it('is given back however the job ends, and an attempt that was cut off has one row', async () => {
    broker.upstream.script = refuse(400)
    const failed = await spender.ended('ended', await spender.submit('ended'))
    expect(failed).toMatchObject({ status: 'failed', cost_usd: 0 })
    await spender.untilSpent('ended', 0)

    broker.upstream.script = hang
    const before = broker.upstream.calls.length
    const cancelled = await spender.submit('ended')
    await broker.upstream.callOf(({ number }) => number > before)
    expect((await spender.budget('ended')).reserved_usd).toBeGreaterThan(0)
    await broker.send(`/v1/jobs/${cancelled}/cancel`, { tenant: 'ended', method: 'POST' })
    expect(await spender.ended('ended', cancelled)).toMatchObject({ status: 'cancelled' })

    const expired = await spender.submit('ended', { deadline: 0.3 })
    expect(await spender.ended('ended', expired)).toMatchObject({ status: 'expired' })
    const rejected = await spender.submit('ended', { sensitivity: 'restricted' })
    expect(await spender.ended('ended', rejected)).toMatchObject({ status: 'rejected' })

    await spender.untilRecorded()
    const rows = await spender.ledger('&tenant=ended')
    const outcomesOf = (id: string) => rows.filter(({ job }) => job === id).map(({ outcome }) => outcome)
    expect(outcomesOf(failed.id)).toHaveLength(1)
    expect(outcomesOf(cancelled)).toEqual(['cancelled'])
    expect(outcomesOf(expired)).toHaveLength(1)
    expect(outcomesOf(rejected)).toEqual([])
    const spent = rows.reduce((sum, { micro_usd }) => sum + Number(micro_usd), 0)
    await spender.untilSpent('ended', spent)
    expect(await broker.redis.zcard('sluice:holds')).toBe(0)
  })

  it.each([
    ['', { shared: false }],
    [', in a process that audits on arrival as well', { shared: true }],
  ])('is held once for a request that is sent again with its key%s', async (_where, { shared }) => {
    const answer = Promise.withResolvers<void>()
    const tenant = { keys: [keyOf('acme')], budgets: [{ usd: 1_000, per: 'day' as const }], limits: { concurrency: 5 } }
    await using own = await startTestBroker({
      shared,
      models: paidModels,
      script: async (call, response) => {
        await answer.promise
        await echo(call, response)
      },
      config: { tenants: { acme: tenant } },
    })
    const customer = new Spender(own)
    const post = async () => {
      const json = jobBody({ priority: 'interactive' })
      const made = await own.send('/v1/jobs', { json, headers: { 'idempotency-key': 'once' } })
      expect(made.status).toBe(202)
      return ((await made.json()) as { id: string }).id
    }
    const id = await post()
    await own.upstream.callOf(() => true)
    const { reserved_usd: held } = await customer.budget('acme')
    expect(held).toBeGreaterThan(0)
    expect(await Promise.all([post(), post()])).toEqual([id, id])
    expect(await customer.budget('acme')).toMatchObject({ reserved_usd: held, spent_usd: 0 })
    expect(await own.redis.zcard('sluice:holds')).toBe(1)
    expect(await own.redis.hlen('sluice:permits')).toBe(1)
    answer.resolve()
    await customer.ended('acme', id)
    await customer.untilSpent('acme', callCost)
  })
})

describe('money that a dead process held', () => {
  it('is given back by the courier when the lease is over', async () => {
    const budgets = budgetsOf(broker.config)
    const dead = new RedisAccounts({ redis: broker.redis, budgets, leaseMs: 1_000 })
    const holder = { tenant: 'abandoned', key: '', model: 'paid', tags: {} }
    const longAgoMs = Date.now() - 60_000
    await dead.reserve({ job: createJobId(), holder, amount: 5_000, nowMs: longAgoMs })
    const held = await dead.reserve({ job: createJobId(), holder, amount: 7_000, nowMs: Date.now() + 60_000 })
    expect(held).toMatchObject({ kind: 'reserved' })
    // The other one is not old enough to be anybody's business.
    await eventually('one is given back', async () => (await spender.budget('abandoned')).reserved_usd === usd(7_000))
  })
})

describe('a soft limit', () => {
  it('is told once by a signed webhook, and refuses nothing', async () => {
    for (const spent of [1, 2, 3]) {
      expect((await spender.chat('soft')).status).toBe(200)
      await spender.untilSpent('soft', spent * callCost)
      if (spent === 2) await eventually('the alert was sent', () => receiver.requests.length === 1)
    }
    // What it takes to be told again is left in the step that books: there is nothing that could still be sent.
    expect(await broker.redis.hlen('sluice:budget-alerts')).toBe(0)
    expect(receiver.requests).toHaveLength(1)
    const [request] = receiver.requests
    const headers = Object.fromEntries(
      Object.entries(request?.headers ?? {}).map(([name, value]) => [name, String(value)]),
    )
    const event = new Webhook(webhookSecret).verify(request?.body ?? '', headers)
    expect(event).toMatchObject({
      id: headers['webhook-id'],
      type: 'budget.alert',
      data: { budget: 'soft/month', soft_usd: 0.03, limit_usd: 10, spent_usd: usd(2 * callCost) },
    })
  })
})

describe('the operator', () => {
  it('finds roll-ups that are the sums of the ledger, as CSV and as JSON lines', async () => {
    await spender.chat('acme', {}, { 'x-sluice-tags': 'team=search' })
    await spender.untilRecorded()
    const rows = await spender.ledger()
    const csv = await (await spender.admin('/ledger?format=csv')).text()
    expect(csv.trimEnd().split('\n')).toHaveLength(rows.length + 1)
    const attempts = new Set(rows.map(({ attempt }) => attempt))
    expect(attempts.size).toBe(rows.length)

    const metrics = ['tokens_in', 'tokens_out', 'micro_usd'] as const
    const sumOf = (some: typeof rows) =>
      Object.fromEntries(metrics.map((metric) => [metric, some.reduce((sum, row) => sum + Number(row[metric]), 0)]))
    const usage = (await (await spender.admin('/usage?group_by=tenant,model')).json()) as {
      data: Record<string, unknown>[]
    }
    expect(usage.data.length).toBeGreaterThan(8)
    for (const group of usage.data) {
      const own = rows.filter(({ tenant, model }) => tenant === group.tenant && model === group.model)
      expect(group).toMatchObject({ ...sumOf(own), attempts: own.length })
    }
    expect(sumOf(usage.data)).toEqual(sumOf(rows))
    const tagged = (await (await spender.admin('/usage?group_by=tag&tenant=acme')).json()) as { data: object[] }
    expect(tagged.data).toMatchObject([{ tag: 'team=search', jobs: 1, micro_usd: callCost }])
    const lines = (await (await spender.admin('/usage?group_by=tenant,model&format=csv')).text()).trimEnd().split('\n')
    expect(lines).toHaveLength(usage.data.length + 1)
  })

  it('finds where every budget stands', async () => {
    const { data } = (await (await spender.admin('/budgets')).json()) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toContain('scoped/day/tag=team=ads')
    expect(await spender.budget('soft')).toMatchObject({
      id: 'soft/month',
      per: 'month',
      window: 'calendar',
      limit_usd: 10,
      soft_usd: 0.03,
      reserved_usd: 0,
    })
  })

  it('alone has the admin API, and nobody where there is no key for it', async () => {
    for (const path of ['/admin/v1/budgets', '/admin/v1/usage', '/admin/v1/ledger', '/admin/v1/audit']) {
      for (const tenant of ['acme', null]) {
        await expectApiError(await broker.send(path, { tenant }), { status: 401, code: 'invalid_api_key' })
      }
    }
    await using closed = await startTestBroker({ adminKey: null })
    for (const headers of [{}, { authorization: `Bearer ${broker.adminKey}` }]) {
      const response = await closed.send('/admin/v1/budgets', { tenant: null, headers })
      await expectApiError(response, { status: 404, code: 'route_not_found' })
    }
  })
})

it('asks Redis nothing about money and limits for a tenant that has neither', async () => {
  const monitor = await broker.redis.monitor()
  const commands: string[][] = []
  monitor.on('monitor', (_time: string, words: string[]) => commands.push(words))
  try {
    const id = await spender.submit('acme')
    await spender.ended('acme', id)
    await spender.untilRecorded()
    await eventually('Redis has told of the roll-ups', () => commands.some((words) => words[0] === 'HINCRBY'))
    const aboutTheJob = commands.filter((words) => words.some((word) => word.includes(id)))
    const accounts = /^sluice:(hold|budget|estimate|rate|permits|running|parked)/
    expect(aboutTheJob.length).toBeGreaterThan(5)
    expect(aboutTheJob.filter((words) => words.some((word) => accounts.test(word)))).toEqual([])
    // The scripts of permits name no key before they know the tenant.
    const isPermit = ([name, , keyCount]: string[]) => name?.toUpperCase().startsWith('EVAL') && keyCount === '0'
    expect(aboutTheJob.filter(isPermit)).toEqual([])
  } finally {
    monitor.disconnect()
  }
})
