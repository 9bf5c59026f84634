import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang, refuse, say } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { dumpRedis } from '../support/redis-dump.ts'
import { eventsIn, idIn, jobOf, recordsOf, responseCalls, saidIn, shown, textOf } from '../support/response-calls.ts'

/** What Sluice promises of responses beyond what OpenAI's client can see. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    config: {
      tenants: {
        acme: { keys: [keyOf('acme')] },
        globex: { keys: [keyOf('globex')] },
        redacting: { keys: [keyOf('redacting')], auditor: { answers: 'redact' } },
        blocking: { keys: [keyOf('blocking')], auditor: { answers: 'block' } },
        poor: { keys: [keyOf('poor')], budgets: [{ per: 'day', usd: 0.000001 }] },
      },
    },
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      cloud: [{ id: 'cloud-a', pool: 'cloud' }],
      dear: [{ id: 'studio-b', pool: 'studio', price: { input: 1_000, output: 1_000 } }],
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const { create, read, ended } = responseCalls(() => broker)

describe('what is stored of a response', () => {
  it('is sealed: neither the input nor the instructions stand in Redis in the clear', async () => {
    const words = ['Birnbaum', 'Zwetschge', 'Mirabelle']
    const [question, instructions, answer] = words
    broker.upstream.script = hang
    const made = await shown(
      await create({ input: question, instructions, metadata: { run: answer }, background: true }),
    )
    const kept = await broker.redis.hget(`sluice:private:${jobOf(made.id)}`, 'request')
    expect(kept).toMatch(/^sealed:/)
    const dump = await dumpRedis(broker.redis, `*${jobOf(made.id)}*`)
    // A dispatcher reads the body as its pool may see it: that is the one place.
    const inTheClear = [...dump].filter(
      ([key, value]) => !key.startsWith('sluice:body:') && /Birnbaum|Zwetschge/.test(value),
    )
    expect(inTheClear.map(([key]) => key)).toEqual([])
    await broker.send(`/v1/responses/${made.id}/cancel`, { method: 'POST' })
  })

  it('is another tenant’s as little as if it were not there', async () => {
    const { id } = await shown(await create({ input: 'echo: mine', background: true }))
    await ended(id)
    const tenant = 'globex'
    const missing = { status: 404, code: 'response_not_found', param: 'response_id' }
    await expectApiError(await read(id, { tenant }), missing)
    await expectApiError(await read(`${id}?stream=true`, { tenant }), missing)
    await expectApiError(await read(`${id}?wait=1`, { tenant }), missing)
    await expectApiError(await read(`${id}/input_items`, { tenant }), missing)
    await expectApiError(await read(`${id}/cancel`, { tenant, method: 'POST' }), missing)
    await expectApiError(await read(id, { tenant, method: 'DELETE' }), missing)
    await expectApiError(await create({ input: 'x', previous_response_id: id }, { tenant }), {
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    })
    const reference = { type: 'item_reference', id: id.replace('resp_', 'msg_') }
    await expectApiError(await create({ input: [reference] }, { tenant }), {
      status: 400,
      code: 'invalid_request',
      param: 'input[0].id',
    })
    expect(textOf(await shown(await read(id)))).toBe('mine')
  })

  it('is no response where the job came in another way', async () => {
    const chat = await broker.send('/v1/chat/completions', {
      json: { model: 'local', messages: [{ role: 'user', content: 'echo: x' }] },
    })
    const id = idIn(chat)
    await expectApiError(await read(id), { status: 404, code: 'response_not_found', param: 'response_id' })
  })

  it('leaves no content behind when it is deleted, and its job is gone for its tenant too', async () => {
    const { id } = await shown(await create({ model: 'cloud', input: 'echo: ada@example.com' }))
    const gone = await read(id, { method: 'DELETE' })
    expect(await gone.json()).toEqual({ id, object: 'response', deleted: true })
    await expectShredded(jobOf(id))
  })
})

/** Nothing that anybody said is left of a job. */
async function expectShredded(job: string): Promise<void> {
  await eventually('the job is gone', async () => (await broker.send(`/v1/jobs/${job}`)).status === 404)
  const dump = await dumpRedis(broker.redis, `sluice:*${job}*`)
  expect([...dump.keys()].filter((key) => /^sluice:(body|result|events):/.test(key))).toEqual([])
  // Whose job it was stays until the ledger and the audit trail have told of it.
  const kept = Object.keys(JSON.parse(dump.get(`sluice:private:${job}`) ?? '{}'))
  expect(kept.filter((field) => field !== 'spec')).toEqual([])
  const { data } = (await (await broker.send('/v1/jobs?limit=100')).json()) as { data: { id: string }[] }
  expect(data.map(({ id }) => id)).not.toContain(job)
}

describe('a response that is not to be stored', () => {
  it('is destroyed when it was delivered', async () => {
    const response = await shown(await create({ input: 'echo: once', store: false }))
    expect(textOf(response)).toBe('once')
    await expectShredded(jobOf(response.id))
    await expectApiError(await read(response.id), { status: 404, code: 'response_not_found', param: 'response_id' })
  })

  it('is destroyed when its stream was delivered', async () => {
    const events = eventsIn(await recordsOf(await create({ input: 'echo: once', store: false, stream: true })))
    expect(saidIn(events)).toBe('once')
    const first = events[0]
    await expectShredded(jobOf(first?.type === 'response.created' ? first.response.id : ''))
  })

  it('is destroyed when it failed, and no dead letter of it is kept', async () => {
    broker.upstream.script = refuse(400)
    const answer = await create({ input: 'x', store: false })
    await expectApiError(answer, { status: 400, code: 'upstream_rejected' })
    const job = answer.headers.get('x-sluice-job-id') ?? ''
    await expectShredded(job)
    await eventually('all was recorded', async () => (await broker.redis.xlen('sluice:records')) === 0)
    expect(await broker.redis.zscore('sluice:dead-letters', job)).toBeNull()
    expect(await broker.redis.zscore('sluice:dead-letters:acme', job)).toBeNull()
  })

  it('waits in the background for the one who reads its end', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      return echo(call, response)
    }
    const { id } = await shown(await create({ input: 'echo: once', store: false, background: true }))
    expect((await shown(await read(id))).output).toEqual([])
    resolve()
    expect(textOf(await ended(id))).toBe('once')
    await expectShredded(jobOf(id))
  })
})

describe('masking', () => {
  const personal = 'Mail ada.lovelace@example.com or +49 30 901820.'

  it('hides personal data from a cloud and shows it again: in the answer, in every event, in what comes after', async () => {
    const first = await shown(
      await create({ model: 'cloud', input: `echo: ${personal}`, instructions: 'I am bob@example.org.' }),
    )
    expect(textOf(first)).toBe(personal)
    expect(first.instructions).toBe('I am bob@example.org.')
    const records = await recordsOf(await create({ model: 'cloud', input: `echo: ${personal}`, stream: true }))
    const events = eventsIn(records)
    expect(saidIn(events)).toBe(personal)
    const last = events.at(-1)
    expect(last?.type === 'response.completed' && textOf(last.response)).toBe(personal)

    const next = await shown(await create({ model: 'cloud', input: 'echo: next', previous_response_id: first.id }))
    expect(textOf(next)).toBe('next')
    const sent = broker.upstream.calls
      .filter(({ deployment }) => deployment === 'cloud-a')
      .map(({ request }) => request.body)
    expect(sent.length).toBeGreaterThanOrEqual(3)
    expect(sent.filter((body) => /lovelace|901820|bob@/.test(body))).toEqual([])
    expect(sent.at(-1)?.match(/"role":"(?:user|assistant)"/g)).toHaveLength(3)
    const items = await (await read(`${next.id}/input_items?order=asc`)).text()
    expect(items).toContain('ada.lovelace@example.com')
  })

  it.each(['redacting', 'blocking'])(
    'lets out of an answer what the policy of %s lets out, in a stream too',
    async (tenant) => {
      broker.upstream.script = say('Ask grace.hopper@example.org.')
      const waited = await create({ input: 'Who?' }, { tenant })
      const made = await create({ input: 'Who?', stream: true }, { tenant })
      const records = await recordsOf(made)
      const events = eventsIn(records)
      const id = idIn(made)
      const polled = await shown(await read(id, { tenant }))
      expect(records.join('') + JSON.stringify(polled)).not.toContain('hopper')
      if (tenant === 'redacting') {
        expect(textOf(await shown(waited))).toBe('Ask <EMAIL>.')
        expect(saidIn(events)).toBe('Ask <EMAIL>.')
        expect(textOf(polled)).toBe('Ask <EMAIL>.')
      } else {
        await expectApiError(waited, { status: 403, code: 'answer_blocked' })
        expect(events.slice(-2).map(({ type }) => type)).toEqual(['error', 'response.failed'])
        expect(polled).toMatchObject({ status: 'failed', output: [] })
      }
      expect(eventsIn(await recordsOf(await read(`${id}?stream=true`, { tenant })))).toEqual(events)
    },
  )
})

describe('what other calls promise', () => {
  it.each([
    [{}, {}, 'interactive', 'default'],
    [{ service_tier: 'auto', background: true }, {}, 'standard', 'default'],
    [{ service_tier: 'priority', background: true }, {}, 'interactive', 'priority'],
    [{ service_tier: 'priority' }, {}, 'interactive', 'priority'],
    [{ service_tier: 'flex' }, {}, 'batch', 'flex'],
    [{}, { 'x-sluice-priority': 'batch' }, 'batch', 'flex'],
  ])('holds for the priority: %j with %j is %s', async (json, headers, priority, tier) => {
    const response = await shown(await create({ input: 'echo: x', ...json }, { headers }))
    expect(response.service_tier).toBe(tier)
    expect(await (await broker.send(`/v1/jobs/${jobOf(response.id)}`)).json()).toMatchObject({ priority })
  })

  it('holds for an idempotency key: one response, and only for the same request', async () => {
    const options = { headers: { 'idempotency-key': 'responses-1' } }
    const first = await shown(await create({ input: 'echo: x' }, options))
    expect(await shown(await create({ input: 'echo: x' }, options))).toEqual(first)
    for (const other of [
      { input: 'echo: y' },
      { input: 'echo: x', background: true },
      { input: 'echo: x', truncation: 'disabled', user: 'u' },
    ]) {
      await expectApiError(await create(other, options), {
        status: 422,
        code: 'idempotency_key_reused',
        param: 'Idempotency-Key',
      })
    }
  })

  it('holds for a budget', async () => {
    const refused = await create({ model: 'dear', input: 'x' }, { tenant: 'poor' })
    await expectApiError(refused, { status: 429, code: 'budget_exceeded' })
    const { id } = await shown(await create({ model: 'dear', input: 'x', background: true }, { tenant: 'poor' }))
    const failed = await eventually('the end', async () => {
      const response = await shown(await read(id, { tenant: 'poor' }))
      return response.status === 'failed' ? response : null
    })
    expect(failed.error?.code).toBe('rate_limit_exceeded')
  })

  it('holds for a client that would rather not wait', async () => {
    const answer = await create({ input: 'echo: later' }, { headers: { prefer: 'respond-async' } })
    expect(answer.status).toBe(202)
    const { id } = (await answer.json()) as { id: string }
    expect(textOf(await ended(id.replace('job_', 'resp_')))).toBe('later')
  })

  it('holds for the size of a conversation', async () => {
    const { id } = await shown(await create({ input: 'x'.repeat(600_000) }))
    const grown = await create({ input: 'x'.repeat(600_000), previous_response_id: id })
    await expectApiError(grown, { status: 413, code: 'body_too_large' })
  })
})
