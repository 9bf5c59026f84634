import { afterEach, describe, expect, it } from 'vitest'
import { reply, type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { contentOf, dataOf, readRecords } from '../support/sse-reader.ts'

/** A detector that is away never lets anything through to a cloud: the job goes elsewhere, waits, or is rejected. */
const chatPath = '/v1/chat/completions'
/** Only the analyzer knows this one. */
const name = 'Qwertzlmump'
const text = `ask ${name} about it`
const messages = [{ role: 'user', content: `echo: ${text}` }]
const away = { status: 503, code: 'detector_unavailable' }

type Analyzer = Parameters<typeof startUpstream>[0]
const json = { 'content-type': 'application/json' }

const finds: Analyzer = (response, request) => {
  const { text: asked } = JSON.parse(request.body) as { text: string }
  const start = asked.indexOf(name)
  const found = { entity_type: 'PERSON', start, end: start + name.length, score: 0.85 }
  return reply(200, json, JSON.stringify(start === -1 ? [] : [found]))(response, request)
}

function failing(times: number, failure: Analyzer): Analyzer {
  let failed = 0
  return (response, request) => {
    failed += 1
    return (failed > times ? finds : failure)(response, request)
  }
}

const refuses = reply(500, json, `{"error":"no model for ${text}"}`)
const failures: [string, Analyzer | null][] = [
  ['answers 500', refuses],
  ['never answers', () => {}],
  ['answers with what is not JSON', reply(200, json, `<p>${text}`)],
  ['answers with something else', reply(200, json, '{"findings":[]}')],
  ['finds something outside of the text', reply(200, json, '[{"entity_type":"X","start":9998,"end":9999,"score":1}]')],
  ['hangs up', (response) => void response.destroy()],
  ['is not there', null],
]

interface Job {
  readonly id: string
  readonly status: string
  readonly sensitivity: string
  readonly sensitivity_reason: string | null
  readonly masked: Readonly<Record<string, number>>
  readonly error: { code: string; message: string } | null
  readonly result: { choices: { message: { content: string } }[] } | null
}

const open: AsyncDisposable[] = []

/** A broker whose jobs wait briefly for an analyzer that does this; null stands for none that listens. */
async function start(
  shared: boolean,
  analyzer: Analyzer | null,
): Promise<{ broker: TestBroker; asked: ScriptedUpstream }> {
  const asked = await startUpstream(analyzer ?? finds)
  if (analyzer === null) await asked[Symbol.asyncDispose]()
  else open.push(asked)
  const broker = await startTestBroker({
    shared,
    detectorWaitMs: 20,
    config: {
      auditor: { detectors: ['builtin', { presidio: { url: asked.url, timeout: '150ms' } }] },
      tenants: {
        acme: { keys: [keyOf('acme')] },
        guarded: { keys: [keyOf('guarded')], auditor: { entities: { IBAN: 'block' } } },
        redacting: { keys: [keyOf('redacting')], auditor: { answers: 'redact' } },
        reporting: { keys: [keyOf('reporting')], auditor: { answers: 'report' } },
        blind: { keys: [keyOf('blind')], auditor: { media: 'block' } },
      },
    },
  })
  open.push(broker)
  return { broker, asked }
}

async function runJob(broker: TestBroker, model: string, more: object = {}, tenant = 'acme'): Promise<Job> {
  const body = { model, input: { endpoint: chatPath, body: { messages } }, ...more }
  const made = await broker.send('/v1/jobs', { json: body, tenant })
  expect(made.status).toBe(202)
  const { id } = (await made.json()) as { id: string }
  return (await (await broker.send(`/v1/jobs/${id}?wait=30`, { tenant })).json()) as Job
}

const deploymentsOf = ({ upstream }: TestBroker) => upstream.calls.map(({ deployment }) => deployment)

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

describe.each([
  { processes: 'processes of their own', shared: false },
  { processes: 'one process', shared: true },
])('with its roles in $processes,', ({ shared }) => {
  it.each(failures)('when the analyzer %s, nothing reaches a cloud', async (_what, analyzer) => {
    const { broker } = await start(shared, analyzer)
    const own = await runJob(broker, 'both')
    expect(own).toMatchObject({ status: 'completed', sensitivity: 'restricted', masked: {} })
    expect(own.sensitivity_reason).toMatch(/detector presidio failed/)
    expect(own.result?.choices[0]?.message.content).toBe(text)
    const ownChat = await broker.send(chatPath, { json: { model: 'both', messages } })
    expect(await ownChat.json()).toMatchObject({ choices: [{ message: { content: text } }] })
    expect(deploymentsOf(broker)).toEqual(['studio-b', 'studio-b'])

    const [job, chat] = await Promise.all([
      runJob(broker, 'cloud', { sensitivity: 'public' }),
      broker.send(chatPath, { json: { model: 'cloud', messages } }),
    ])
    expect(job).toMatchObject({ status: 'rejected', error: { code: 'detector_unavailable' }, masked: {} })
    const message = await expectApiError(chat, away)
    for (const said of [message, job.error?.message, broker.logText()]) expect(said).not.toContain(name)
    expect(broker.upstream.calls).toHaveLength(2)
  })

  it('a job waits for the analyzer to come back, and is then masked by what it finds', async () => {
    const { broker, asked } = await start(shared, failing(2, refuses))
    const job = await runJob(broker, 'cloud')
    expect(job).toMatchObject({ status: 'completed', sensitivity: 'internal', masked: { PERSON: 1 } })
    expect(job.result?.choices[0]?.message.content).toBe(text)
    expect(asked.requests).toHaveLength(3)
    expect(broker.upstream.calls.map(({ prompt }) => prompt)).toEqual(['echo: ask <PERSON_1> about it'])
  })

  it('so does a chat, whether it streams or not', async () => {
    for (const stream of [false, true]) {
      const { broker } = await start(shared, failing(2, refuses))
      const response = await broker.send(chatPath, { json: { model: 'cloud', messages, stream } })
      const answer = stream
        ? contentOf(await Array.fromAsync(readRecords(response)))
        : ((await response.json()) as NonNullable<Job['result']>).choices[0]?.message.content
      expect(answer).toBe(text)
      expect(broker.upstream.calls.map(({ prompt }) => prompt)).toEqual(['echo: ask <PERSON_1> about it'])
    }
  })

  it('a stream whose job is rejected ends with the error and [DONE]', async () => {
    const { broker } = await start(shared, refuses)
    const response = await broker.send(chatPath, { json: { model: 'cloud', messages, stream: true } })
    const records = (await Array.fromAsync(readRecords(response))).map(dataOf).filter((data) => data !== '')
    expect(records).toHaveLength(2)
    expect(JSON.parse(records[0] ?? '')).toMatchObject({ error: { code: 'detector_unavailable' } })
    expect(records[1]).toBe('[DONE]')
    expect(broker.upstream.calls).toEqual([])
  })

  it('a job that its caller calls restricted does not wait for what could not change its class', async () => {
    const { broker, asked } = await start(shared, refuses)
    const job = await runJob(broker, 'cloud', { sensitivity: 'restricted' })
    expect(job).toMatchObject({ status: 'rejected', error: { code: 'no_eligible_deployment' } })
    expect(asked.requests).toHaveLength(1)
  })

  it('a job of a tenant who blocks an entity goes nowhere until the analyzer has looked', async () => {
    const { broker } = await start(shared, refuses)
    const job = await runJob(broker, 'both', {}, 'guarded')
    expect(job).toMatchObject({ status: 'rejected', error: { code: 'detector_unavailable' } })
    expect(broker.upstream.calls).toEqual([])
  })

  it('a picture that the tenant blocks is rejected without the analyzer', async () => {
    const { broker } = await start(shared, refuses)
    const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }]
    const input = { endpoint: chatPath, body: { messages: [{ role: 'user', content }] } }
    const job = await runJob(broker, 'both', { input }, 'blind')
    expect(job).toMatchObject({ status: 'rejected', error: { code: 'content_blocked' } })
    expect(broker.upstream.calls).toEqual([])
  })

  it('an answer stays in where the policy is to redact it, and the analyzer is away by then', async () => {
    let asks = 0
    const once: Analyzer = (response, request) => {
      asks += 1
      return (asks % 2 === 1 ? finds : refuses)(response, request)
    }
    const { broker } = await start(shared, once)
    const own = { model: 'cloud', messages }
    const refused = await broker.send(chatPath, { tenant: 'redacting', json: own })
    await expectApiError(refused, away)
    // To send it again would be to pay for it again: it is there.
    expect(refused.headers.get('x-should-retry')).toBe('false')
    const streamed = await broker.send(chatPath, { tenant: 'redacting', json: { ...own, stream: true } })
    const body = await streamed.text()
    expect(body).not.toContain(name)
    expect(body).toMatch(/"code":"detector_unavailable".*\n\ndata: \[DONE\]\n\n$/)
    const id = streamed.headers.get('x-sluice-job-id')
    const later = await broker.send(`/v1/jobs/${id}`, { tenant: 'redacting' })
    expect(await later.json()).toMatchObject({
      status: 'completed',
      result: { choices: [{ message: { content: text } }] },
    })
    await broker.send(`/v1/jobs/${id}`, { tenant: 'redacting' }).then((again) => expectApiError(again, away))

    const reported = await broker.send(chatPath, { tenant: 'reporting', json: own })
    expect(await reported.json()).toMatchObject({ choices: [{ message: { content: text } }] })
  })

  it('a job that waits can be cancelled, and stays it when the analyzer is back', async () => {
    const { broker, asked } = await start(shared, () => {})
    const body = { model: 'cloud', input: { endpoint: chatPath, body: { messages } } }
    const arrived = asked.nextRequest()
    const { id } = (await (await broker.send('/v1/jobs', { json: body })).json()) as { id: string }
    await arrived
    const cancelled = await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled' })
    const job = await runJob(broker, 'cloud')
    expect(job.status).toBe('rejected')
    expect(await (await broker.send(`/v1/jobs/${id}`)).json()).toMatchObject({ status: 'cancelled' })
    expect(broker.upstream.calls).toEqual([])
  })
})
