import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { keyOf, startTestBroker, type TestBroker, webhookSecret } from '../support/broker.ts'
import { type ChatScript, echo, refuse } from '../support/chat-upstream.ts'
import { errorOf, replayWithoutQueue, Undertaker } from '../support/dead-letters.ts'
import { eventually } from '../support/eventually.ts'
import { allTime } from '../support/records.ts'
import { callCost, paidModels, Spender } from '../support/spending.ts'

const secretWord = 'zanzibar'

/** Fails as the prompt asks for. */
const byPrompt: ChatScript = (call, response) => {
  if (call.prompt.startsWith('invalid')) return refuse(400)(call, response)
  if (call.prompt.startsWith('broken')) return refuse(500)(call, response)
  return echo(call, response)
}

let broker: TestBroker
let undertaker: Undertaker
beforeAll(async () => {
  broker = await startTestBroker({
    models: {
      ...paidModels,
      pair: [
        { id: 'pair-a', pool: 'cloud' },
        { id: 'pair-b', pool: 'studio' },
      ],
    },
    config: {
      // The tests are about what follows a failure, not about leaving a deployment alone.
      breaker: { failures: 1_000 },
      tenants: {
        acme: { keys: [keyOf('acme')], webhook_secret: webhookSecret },
        globex: { keys: [keyOf('globex')], budgets: [{ usd: 1, per: 'day' }], models: ['paid', 'free'] },
      },
    },
  })
  undertaker = new Undertaker(broker)
})
afterAll(() => broker[Symbol.asyncDispose]())
beforeEach(async () => {
  await undertaker.clear()
  broker.upstream.script = byPrompt
})

describe('a job that fails', () => {
  it('is a dead letter of one of two kinds, with every attempt and nothing of what was asked', async () => {
    const exhausted = await undertaker.bury(`broken ${secretWord}`, { model: 'pair' })
    const unprocessable = await undertaker.bury(`invalid ${secretWord}`)
    const { data } = await undertaker.list()
    expect(data.map(({ id, kind, error }) => [id, kind, error.code])).toEqual([
      [unprocessable, 'unprocessable', 'upstream_rejected'],
      [exhausted, 'exhausted', 'upstream_failed'],
    ])
    expect(data[1]?.attempts).toHaveLength(4)
    expect(new Set(data[1]?.attempts.map(({ deployment }) => deployment))).toEqual(new Set(['pair-a', 'pair-b']))
    expect(data[1]?.attempts[0]).toMatchObject({ outcome: 'server_error', status: 500, ms: expect.any(Number) })
    expect(JSON.stringify(data)).not.toContain(secretWord)
    expect(await undertaker.inspect(exhausted)).toMatchObject({ id: exhausted, replayable: true, replayed_by: null })
  })

  it('is kept for retention.dead_letters with what it takes to run it again', async () => {
    const id = await undertaker.bury('broken')
    const sixDaysMs = 6 * 24 * 3_600_000
    for (const key of [`sluice:job:${id}`, `sluice:private:${id}`]) {
      expect(await broker.redis.pttl(key)).toBeGreaterThan(sixDaysMs)
    }
    const { failed_at, expires_at } = await undertaker.inspect(id)
    expect(expires_at - failed_at).toBe(7 * 24 * 3_600)
  })

  it('is no dead letter when it was cancelled, rejected or completed', async () => {
    const done = await undertaker.run('echo: fine')
    expect(done.status).toBe('completed')
    expect(await errorOf(await undertaker.admin('GET', `/${done.id}`))).toMatchObject({ status: 404 })
    expect((await undertaker.list()).data).toEqual([])
  })
})

describe('GET /admin/v1/dead-letters', () => {
  it('filters by tenant, model, kind, code, deployment, time and whether it was replayed', async () => {
    const first = await undertaker.bury('broken', { model: 'pair' })
    const second = await undertaker.bury('invalid', { model: 'free' }, 'globex')
    const third = await undertaker.bury('invalid', { model: 'free' })
    const found = async (query: string) => (await undertaker.list(`?${query}`)).data.map(({ id }) => id)
    expect(await found('tenant=globex')).toEqual([second])
    expect(await found('model=free')).toEqual([third, second])
    expect(await found('kind=exhausted')).toEqual([first])
    expect(await found('code=upstream_rejected&tenant=acme')).toEqual([third])
    expect(await found('deployment=pair-b')).toEqual([first])
    expect(await found('to=2026-01-01')).toEqual([])
    expect(await found('from=2026-01-01')).toEqual([third, second, first])
    broker.upstream.script = echo
    await undertaker.replay(third)
    expect(await found('replayed=true')).toEqual([third])
    expect(await found('replayed=false')).toEqual([second, first])
    expect(await errorOf(await undertaker.admin('GET', '?after=nonsense'))).toMatchObject({ status: 400 })
  })

  it('goes on with the next page, also where the last one of a page was discarded meanwhile', async () => {
    const ids = [
      await undertaker.bury('invalid 1'),
      await undertaker.bury('invalid 2'),
      await undertaker.bury('invalid 3'),
    ]
    const page = await undertaker.list('?limit=2')
    expect(page).toMatchObject({ has_more: true, data: [{ id: ids[2] }, { id: ids[1] }] })
    await undertaker.admin('DELETE', `/${ids[1]}`)
    const rest = await undertaker.list(`?limit=2&after=${page.next}`)
    expect(rest).toMatchObject({ has_more: false, next: null, data: [{ id: ids[0] }] })
  })

  it('wants the operator’s key', async () => {
    expect((await broker.send('/admin/v1/dead-letters')).status).toBe(401)
  })
})

describe('replay', () => {
  it('runs the same request again as a new job that says so, and as the old one says', async () => {
    const id = await undertaker.bury(`broken, then echo`, { tags: { team: 'search' }, priority: 'batch' })
    broker.upstream.script = echo
    const run = await undertaker.ended(await undertaker.replay(id))
    expect(run).toMatchObject({
      status: 'completed',
      priority: 'batch',
      tags: { team: 'search' },
      replay_of: { id, first: id, run: 2 },
    })
    expect(run.id).not.toBe(id)
    expect(broker.upstream.calls.at(-1)?.prompt).toBe('broken, then echo')
    expect(await undertaker.inspect(id)).toMatchObject({ replayed_by: run.id, replayable: false })
    expect(await undertaker.ended(id)).toMatchObject({ status: 'failed', replayed_by: run.id })
  })

  it('gives the same run to everybody who asks, however often and at the same time', async () => {
    const id = await undertaker.bury('broken once')
    broker.upstream.script = echo
    const callsBefore = broker.upstream.calls.length
    const runs = await Promise.all([
      ...Array.from({ length: 12 }, () => undertaker.replay(id)),
      ...Array.from({ length: 12 }, async () => {
        const response = await undertaker.replayAsTenant(id)
        expect(response.status).toBe(202)
        return ((await response.json()) as { id: string }).id
      }),
    ])
    expect(new Set(runs).size).toBe(1)
    await undertaker.ended(runs[0] ?? '')
    expect(await undertaker.replay(id)).toBe(runs[0])
    expect(broker.upstream.calls.length - callsBefore).toBe(1)
  })

  it('runs on another model, with another priority and deadline, when it is told to', async () => {
    const id = await undertaker.bury('invalid')
    broker.upstream.script = echo
    const run = await undertaker.ended(
      await undertaker.replay(id, { model: 'free', priority: 'interactive', deadline: 90 }),
    )
    expect(run).toMatchObject({ model: 'free', priority: 'interactive', status: 'completed' })
    expect(run.deadline - run.created_at).toBeGreaterThanOrEqual(89)
    expect(run.deadline - run.created_at).toBeLessThanOrEqual(91)
    expect(broker.upstream.calls.at(-1)?.deployment).toBe('free-a')
  })

  it('keeps no answer of a run either when the job was to leave none', async () => {
    const headers = { 'cache-control': 'no-store' }
    const body = { messages: [{ role: 'user', content: 'broken' }] }
    const json = { model: 'free', input: { endpoint: '/v1/chat/completions', body } }
    const made = await broker.send('/v1/jobs', { headers, json })
    const { id } = await undertaker.ended(((await made.json()) as { id: string }).id)
    const run = await undertaker.replay(id)
    const spec = await broker.redis.hget(`sluice:private:${run}`, 'spec')
    expect(JSON.parse(spec ?? '{}')).toMatchObject({ cache: 'off' })
  })

  it('gives the run as much time as the job had', async () => {
    const id = await undertaker.bury('broken', { deadline: 600 })
    const run = await undertaker.ended(await undertaker.replay(id))
    expect(Math.abs(run.deadline - run.created_at - 600)).toBeLessThanOrEqual(1)
  })

  it('makes a chain of runs that failed in turn', async () => {
    const first = await undertaker.bury('broken thrice')
    const second = await undertaker.replay(first)
    await undertaker.ended(second)
    await eventually('the run is buried', () => broker.redis.zscore('sluice:dead-letters', second))
    expect(await undertaker.replay(first)).toBe(second)
    broker.upstream.script = echo
    const third = await undertaker.ended(await undertaker.replay(second))
    expect(third).toMatchObject({ status: 'completed', replay_of: { id: second, first, run: 3 } })
  })

  it('runs a run again that was cancelled before it came to anything', async () => {
    const first = await undertaker.bury('broken')
    broker.upstream.script = () => {}
    const second = await undertaker.replay(first)
    await broker.send(`/v1/jobs/${second}/cancel`, { method: 'POST' })
    expect((await undertaker.ended(second)).status).toBe('cancelled')
    broker.upstream.script = echo
    const answer = await undertaker.replayAsTenant(second)
    const { id: third } = (await answer.json()) as { id: string }
    expect(await undertaker.ended(third)).toMatchObject({ status: 'completed', replay_of: { first, run: 3 } })
  })

  it('never asks for a more open class than was decided', async () => {
    const id = await undertaker.bury('broken for ada@example.com', { sensitivity: 'public', model: 'pair' })
    const run = await undertaker.replay(id)
    expect(await undertaker.ended(run)).toMatchObject({ sensitivity: 'internal' })
  })

  it('refuses what cannot run again, and says why', async () => {
    const done = await undertaker.run('echo: fine')
    expect(await errorOf(await undertaker.replayAsTenant(done.id))).toEqual({
      status: 409,
      code: 'job_not_replayable',
      message: 'Only a job that failed can run again; this one is completed.',
    })
    const forgotten = await undertaker.bury('broken')
    await broker.redis.hdel(`sluice:private:${forgotten}`, 'body')
    expect(await errorOf(await undertaker.replayAsTenant(forgotten))).toMatchObject({
      status: 409,
      message: expect.stringContaining('no longer kept'),
    })
    expect(await undertaker.inspect(forgotten)).toMatchObject({ replayable: false })
    const other = await undertaker.bury('invalid', { model: 'free' }, 'globex')
    expect(await errorOf(await undertaker.replayAsTenant(other, 'globex', { model: 'other' }))).toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
  })

  it('knows nothing of another tenant’s jobs', async () => {
    const id = await undertaker.bury('invalid', { model: 'free' }, 'globex')
    expect(await errorOf(await undertaker.replayAsTenant(id, 'acme'))).toMatchObject({
      status: 404,
      code: 'job_not_found',
    })
    expect((await undertaker.inspect(id)).replayed_by).toBeNull()
    expect((await undertaker.replayAsTenant(id, 'globex')).status).toBe(202)
  })
})

describe('a replay whose maker dies between storing and queueing', () => {
  it('is the run that everybody gets who asks again, and runs then', async () => {
    const id = await undertaker.bury('broken')
    broker.upstream.script = echo
    await expect(replayWithoutQueue(broker, id)).rejects.toThrow('it died')
    const { replayed_by: run } = await undertaker.inspect(id)
    expect(run).toMatch(/^job_/)
    expect(await undertaker.replay(id)).toBe(run)
    expect(await undertaker.ended(run ?? '')).toMatchObject({ status: 'completed', replay_of: { id, run: 2 } })
  })

  it('makes nothing of a dead letter that is discarded at the same time', async () => {
    const id = await undertaker.bury('broken')
    const open = await broker.redis.zcard('sluice:open')
    const discard = async () => void (await undertaker.admin('DELETE', `/${id}`))
    await expect(replayWithoutQueue(broker, id, discard)).rejects.toMatchObject({ code: 'job_not_replayable' })
    expect(await broker.redis.zcard('sluice:open')).toBe(open)
  })
})

describe('a dry run', () => {
  it('says who would serve and holds what the replay then holds, without making a job', async () => {
    const id = await undertaker.bury('invalid: count these words', {}, 'globex')
    const response = await undertaker.admin('POST', `/${id}/replay`, { dry_run: true })
    expect(response.status).toBe(200)
    const quote = (await response.json()) as { cost_usd: number; deployments: { deployment: string }[] }
    expect(quote).toMatchObject({ model: 'paid', deployments: [{ deployment: 'paid-a', pool: 'cloud' }] })
    expect((await undertaker.inspect(id)).replayed_by).toBeNull()

    const run = await undertaker.replay(id)
    await undertaker.ended(run, 'globex')
    await eventually('everything is archived', async () => (await broker.redis.xlen('sluice:records')) === 0)
    const decision = (await trail('globex', run)).find(({ kind }) => kind === 'decision')
    expect(decision?.facts.reserved).toBe(Math.round(quote.cost_usd * 1_000_000))
  })

  it('sums up what many would cost', async () => {
    const paid = [await undertaker.bury('invalid 1'), await undertaker.bury('invalid 2')]
    const free = await undertaker.bury('invalid 3', { model: 'free' })
    const response = await undertaker.admin('POST', '/replay', { filter: {}, dry_run: true })
    const { data, cost_usd } = (await response.json()) as {
      data: { id: string; job: null; quote: { cost_usd: number } }[]
      cost_usd: number
    }
    expect(data.map(({ id }) => id)).toEqual([free, ...paid.reverse()])
    expect(data[0]?.quote.cost_usd).toBe(0)
    // Ten tokens of an answer at 2,000 micro-dollars each, and some for the prompt.
    for (const { quote } of data.slice(1)) expect(quote.cost_usd).toBeGreaterThan(0.02)
    expect(cost_usd).toBeCloseTo(
      data.reduce((sum, { quote }) => sum + quote.cost_usd, 0),
      6,
    )
    expect((await undertaker.list('?replayed=true')).data).toEqual([])

    const onOther = await undertaker.admin('POST', '/replay', { ids: paid, dry_run: true, model: 'free' })
    expect(await onOther.json()).toMatchObject({ cost_usd: 0, most_usd: 0 })
  })
})

describe('many at once', () => {
  it('replays those that fit a filter and were not replayed, so many at most', async () => {
    const ids = [
      await undertaker.bury('invalid 1'),
      await undertaker.bury('invalid 2'),
      await undertaker.bury('invalid 3'),
    ]
    const other = await undertaker.bury('invalid', { model: 'free' })
    broker.upstream.script = echo
    const ask = async (limit: number) => {
      const response = await undertaker.admin('POST', '/replay', { filter: { model: 'paid' }, limit })
      return (await response.json()) as { data: { id: string; job: string }[]; has_more: boolean }
    }
    const first = await ask(2)
    expect(first).toMatchObject({ has_more: true, data: [{ id: ids[2] }, { id: ids[1] }] })
    const second = await ask(2)
    expect(second).toMatchObject({ has_more: false, data: [{ id: ids[0] }] })
    expect((await ask(2)).data).toEqual([])
    for (const { job } of [...first.data, ...second.data])
      expect((await undertaker.ended(job)).status).toBe('completed')
    expect((await undertaker.list('?replayed=false')).data.map(({ id }) => id)).toEqual([other])
  })

  it('tells what became of each id, and lets one that fails hold up no other', async () => {
    const good = await undertaker.bury('invalid')
    const done = await undertaker.run('echo: fine')
    broker.upstream.script = echo
    const response = await undertaker.admin('POST', '/replay', { ids: ['job_nothing', done.id, good, good] })
    const { data } = (await response.json()) as {
      data: { id: string; job: string | null; error: { code: string } | null }[]
    }
    expect(data).toMatchObject([
      { id: 'job_nothing', job: null, error: { code: 'job_not_found' } },
      { id: done.id, job: null, error: { code: 'job_not_found' } },
      { id: good, job: expect.stringMatching(/^job_/), error: null },
    ])
    for (const body of [{}, { ids: [good], filter: {} }, { filter: { nonsense: 1 } }]) {
      expect((await undertaker.admin('POST', '/replay', body)).status).toBe(400)
    }
  })
})

describe('discard', () => {
  it('leaves nothing that the job could run again with, nor its events', async () => {
    const id = await undertaker.bury(`broken for ada@example.com`)
    const response = await undertaker.admin('DELETE', `/${id}`)
    expect(await response.json()).toEqual({ id, object: 'dead_letter', deleted: true })
    expect(await broker.redis.hkeys(`sluice:private:${id}`)).toEqual(['spec'])
    const keysLeft = (await broker.redis.keys(`sluice:*${id}*`)).filter((key) => !key.startsWith('sluice:queue:'))
    expect(keysLeft.sort()).toEqual([`sluice:job:${id}`, `sluice:private:${id}`])
    expect(await broker.redis.pttl(`sluice:job:${id}`)).toBeLessThanOrEqual(24 * 3_600_000)
    expect((await undertaker.list()).data).toEqual([])
    expect((await undertaker.admin('DELETE', `/${id}`)).status).toBe(404)
    expect(await errorOf(await undertaker.replayAsTenant(id))).toMatchObject({ code: 'job_not_replayable' })
    expect(await undertaker.ended(id)).toMatchObject({ status: 'failed' })
  })

  it('takes those that fit a filter, after a dry run that takes none', async () => {
    const gone = await undertaker.bury('invalid')
    const kept = await undertaker.bury('broken', { model: 'pair' })
    const filter = { kind: 'unprocessable' }
    const dry = await undertaker.admin('POST', '/discard', { filter, dry_run: true })
    expect(await dry.json()).toMatchObject({ dry_run: true, data: [{ id: gone, deleted: false }] })
    const real = await undertaker.admin('POST', '/discard', { filter })
    expect(await real.json()).toMatchObject({ data: [{ id: gone, deleted: true, error: null }] })
    expect((await undertaker.list()).data.map(({ id }) => id)).toEqual([kept])
  })
})

describe('the audit trail', () => {
  it('says who had a dead letter replayed, as which job, and who threw it away, once each', async () => {
    const id = await undertaker.bury('invalid')
    const run = await undertaker.replay(id)
    await undertaker.replay(id)
    await undertaker.ended(run)
    await eventually('the run is buried', () => broker.redis.zscore('sluice:dead-letters', run))
    const { id: third } = (await (await undertaker.replayAsTenant(run)).json()) as { id: string }
    await undertaker.admin('DELETE', `/${id}`)
    await undertaker.ended(third)
    await eventually('everything is archived', async () => (await broker.redis.xlen('sluice:records')) === 0)
    const actions = [...(await trail('acme', id)), ...(await trail('acme', run))].filter(
      ({ kind }) => kind === 'action',
    )
    expect(actions.map(({ job, facts }) => [job, facts.action, facts.by, facts.run])).toEqual([
      [id, 'replay', 'operator', run],
      [id, 'discard', 'operator', null],
      [run, 'replay', 'tenant', third],
    ])
    expect(actions[2]?.facts.by_key).toMatch(/^key_/)
  })
})

describe('where API and auditor share a process', () => {
  it('replays a chat once and holds no money for those who asked in vain', async () => {
    await using shared = await startTestBroker({
      shared: true,
      models: paidModels,
      script: byPrompt,
      config: {
        tenants: {
          acme: { keys: [keyOf('acme')], budgets: [{ usd: 1, per: 'day' }], limits: { tpm: 100_000, concurrency: 3 } },
        },
      },
    })
    const its = new Undertaker(shared)
    const spender = new Spender(shared)
    const id = await its.bury('invalid', { priority: 'interactive' })
    shared.upstream.script = echo
    const answers = await Promise.all(Array.from({ length: 10 }, () => its.replayAsTenant(id)))
    const runs = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id))
    expect(new Set(runs).size).toBe(1)
    expect(await its.ended(runs[0] ?? '')).toMatchObject({ status: 'completed', priority: 'interactive' })
    await spender.untilSpent('acme', callCost)
    await eventually('every permit is back', async () => (await shared.redis.hlen('sluice:permits')) === 0)
  })
})

interface Entry {
  readonly kind: string
  readonly job: string
  readonly facts: Record<string, unknown>
}

async function trail(tenant: string, job: string): Promise<Entry[]> {
  const lines = await Array.fromAsync(new FileArchiveReader(broker.config.data_dir).audit(tenant, allTime))
  return lines.map((line) => JSON.parse(line) as Entry).filter((entry) => entry.job === job)
}
