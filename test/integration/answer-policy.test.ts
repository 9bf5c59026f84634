import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker, webhookSecret } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, lastRecords, say } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { contentOf, dataOf, idOf, isComment, readRecords, typeOf } from '../support/sse-reader.ts'

/** What a tenant's policy does about secrets and new personal data in an answer, on every way that an answer takes. */
let broker: TestBroker
let receiver: ScriptedUpstream
const chatPath = '/v1/chat/completions'
const known = 'ada.lovelace@example.com'
const unknown = 'grace.hopper@example.org'
// In two parts, or every scanner for secrets would report this file.
const apiKey = `sk-proj-${'Z9y8X7w6V5u4'.repeat(4)}`
const messages = [{ role: 'user', content: `Who is ${known}?` }]
const policies = ['off', 'report', 'redact', 'block'] as const
type Policy = (typeof policies)[number]
const models = ['cloud', 'local'] as const

/** Says back who was asked about, in the words that it was told, and somebody new. */
const leak: ChatScript = (call, response) => {
  const asked = /Who is (\S+)\?/.exec(call.prompt)?.[1]
  return say(`${asked} writes to ${unknown} with ${apiKey}.`)(call, response)
}
const answer = `${known} writes to ${unknown} with ${apiKey}.`
const redacted = `${known} writes to <EMAIL> with <SECRET>.`
const shown: Record<Policy, string | null> = { off: answer, report: answer, redact: redacted, block: null }
const leaked = (text: string) => [unknown, apiKey, 'hopper'].filter((value) => text.includes(value))

interface Answer {
  readonly choices: { message: { content: string } }[]
}
interface Job {
  readonly id: string
  readonly status: string
  readonly error: { code: string } | null
  readonly result: Answer | null
}

async function runJob(tenant: Policy, model: string, more: object = {}, body: object = { messages }): Promise<Job> {
  const json = { model, input: { endpoint: chatPath, body }, ...more }
  const made = await broker.send('/v1/jobs', { json, tenant })
  expect(made.status).toBe(202)
  const { id } = (await made.json()) as { id: string }
  return (await (await broker.send(`/v1/jobs/${id}?wait=30`, { tenant })).json()) as Job
}

/** The entries of the audit trail that tell of an answer, when all of the job and so many of those are there. */
async function answersInTrail(job: string, atLeast: number): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${broker.adminKey}` }
  return eventually('the job in the audit trail', async () => {
    const isWritten = (await broker.redis.xlen('sluice:records')) === 0
    const response = await broker.send(`/admin/v1/audit?job=${job}`, { tenant: null, headers })
    const { data } = (await response.json()) as { data: { kind: string }[] }
    const answers = data.filter(({ kind }) => kind === 'answer')
    return isWritten && data.some(({ kind }) => kind === 'end') && answers.length >= atLeast ? answers : null
  })
}

describe.each([
  { processes: 'processes of their own', shared: false },
  { processes: 'one process', shared: true },
])('with its roles in $processes,', ({ shared }) => {
  beforeAll(async () => {
    receiver = await startUpstream((response) => void response.writeHead(204).end())
    broker = await startTestBroker({
      shared,
      script: leak,
      config: {
        tenants: Object.fromEntries(
          policies.map((answers) => [
            answers,
            { keys: [keyOf(answers)], webhook_secret: webhookSecret, auditor: { answers } },
          ]),
        ),
      },
    })
  })
  afterEach(() => {
    broker.upstream.script = leak
  })
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  })

  describe.each(policies)('the policy `%s`', (tenant) => {
    const expected = shown[tenant]
    const isWhole = tenant === 'redact' || tenant === 'block'

    it.each(models)('applies to a chat that waits: %s', async (model) => {
      const response = await broker.send(chatPath, { tenant, json: { model, messages } })
      if (expected === null) {
        const message = await expectApiError(response, { status: 403, code: 'answer_blocked' })
        expect(leaked(message)).toEqual([])
        return
      }
      const { choices } = (await response.json()) as Answer
      expect(choices[0]?.message.content).toBe(expected)
    })

    it.each(models)('applies to a chat that streams: %s', async (model) => {
      const json = { model, messages, stream: true, stream_options: { include_usage: true } }
      const response = await broker.send(chatPath, { tenant, json })
      const records = (await Array.fromAsync(readRecords(response))).filter((record) => !isComment(record))
      const data = records.map(dataOf)
      expect(data.at(-1)).toBe('[DONE]')
      if (isWhole) expect(leaked(data.join(''))).toEqual([])
      if (expected === null) {
        expect(data.map((each) => (each === '[DONE]' ? each : JSON.parse(each)))).toEqual([
          { error: expect.objectContaining({ code: 'answer_blocked' }) },
          '[DONE]',
        ])
        return
      }
      const chunks = data.slice(0, -1).map((each) => JSON.parse(each))
      for (const chunk of chunks) expect(chunk).toMatchObject({ object: 'chat.completion.chunk' })
      expect(contentOf(records)).toBe(expected)
      expect(
        chunks
          .flatMap(({ choices }) => choices.map((choice: { finish_reason: string }) => choice.finish_reason))
          .filter(Boolean),
      ).toEqual(['stop'])
      expect(chunks.filter(({ usage }) => usage)).toEqual([expect.objectContaining({ choices: [] })])
    })

    it('leaves the usage chunk to those who ask for it', async () => {
      const response = await broker.send(chatPath, { tenant, json: { model: 'cloud', messages, stream: true } })
      const records = (await Array.fromAsync(readRecords(response))).map(dataOf)
      expect(records.filter((data) => data.includes('"usage":{'))).toEqual([])
    })

    it.each(models)('applies to a job and to its webhook: %s', async (model) => {
      const arrived = receiver.nextRequest()
      const job = await runJob(tenant, model, { webhook: { url: receiver.url } })
      expect(job.status).toBe('completed')
      expect(job.result?.choices[0]?.message.content ?? null).toBe(expected)
      expect(job.error?.code ?? null).toBe(expected === null ? 'answer_blocked' : null)
      const { body, headers } = await arrived
      const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
      const event = new Webhook(webhookSecret).verify(body, flat) as { data: { id: string; result: Answer | null } }
      expect(event.data.id).toBe(job.id)
      expect(event.data.result?.choices[0]?.message.content ?? null).toBe(expected)
    })

    it.each(models)('applies to events, whose numbers stay dense and the same: %s', async (model) => {
      const job = await runJob(tenant, model, {}, { messages, stream: true })
      const read = async (after: number) => {
        const response = await broker.send(`/v1/jobs/${job.id}/events?after=${after}`, { tenant })
        return (await Array.fromAsync(readRecords(response))).filter((record) => !isComment(record))
      }
      const records = await read(0)
      expect(records.map(idOf)).toEqual(records.map((_, index) => index + 1))
      expect(await read(5)).toEqual(records.slice(5))
      expect(typeOf(records.at(-1) ?? '')).toBe('job.completed')
      const deltas = records.filter((record) => typeOf(record) === 'output.delta')
      expect(deltas.length).toBeGreaterThan(5)
      if (!isWhole) return expect(contentOf(deltas)).toBe(expected)
      expect(contentOf(deltas)).toBe('')
      expect(leaked(records.join(''))).toEqual([])
    })

    it('is in the audit trail with what was found, once and without it', async () => {
      const job = await runJob(tenant, 'cloud')
      await broker.send(`/v1/jobs/${job.id}`, { tenant })
      const noted = await answersInTrail(job.id, tenant === 'off' ? 0 : 1)
      expect(leaked(JSON.stringify(noted))).toEqual([])
      const entry = expect.objectContaining({ tenant, job: job.id })
      expect(noted).toEqual(tenant === 'off' ? [] : [entry])
      if (tenant !== 'off') expect(JSON.stringify(noted)).toMatch(new RegExp(`"policy":"${tenant}"`))
      if (tenant !== 'off') expect(JSON.stringify(noted)).toMatch(/"EMAIL":1.*"SECRET":1|"SECRET":1.*"EMAIL":1/)
    })

    it('is in the audit trail of an answer that was only streamed', async () => {
      const response = await broker.send(chatPath, { tenant, json: { model: 'cloud', messages, stream: true } })
      await response.text()
      const count = tenant === 'off' ? 0 : 1
      expect(await answersInTrail(response.headers.get('x-sluice-job-id') ?? '', count)).toHaveLength(count)
    })

    it.each(models)('lets pass what the caller wrote: %s', async (model) => {
      broker.upstream.script = echo
      const text = `${known} rings +49 30 901820 from 203.0.113.9`
      const own = [{ role: 'user', content: `echo: ${text}` }]
      const response = await broker.send(chatPath, { tenant, json: { model, messages: own } })
      const { choices } = (await response.json()) as Answer
      expect(choices[0]?.message.content).toBe(text)
      const streamed = await broker.send(chatPath, { tenant, json: { model, messages: own, stream: true } })
      expect(contentOf(await Array.fromAsync(readRecords(streamed)))).toBe(text)
      expect(await answersInTrail(streamed.headers.get('x-sluice-job-id') ?? '', 0)).toEqual([])
    })

    it.each(isWhole ? [false, true] : [])('applies to the arguments of a tool call: streamed %s', async (stream) => {
      broker.upstream.script = (call, response) => {
        const asked = /Who is (\S+)\?/.exec(call.prompt)?.[1]
        const args = JSON.stringify({ to: asked, cc: [unknown], key: apiKey })
        const called = { id: 'call_9', type: 'function', function: { name: 'send_mail', arguments: args } }
        if (stream) {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          const first = { ...called.function, arguments: '' }
          response.write(chunkRecord({ tool_calls: [{ index: 0, ...called, function: first }] }))
          for (const piece of args.match(/[\s\S]{1,5}/g) ?? []) {
            response.write(chunkRecord({ tool_calls: [{ index: 0, function: { arguments: piece } }] }))
          }
          return void response.end(lastRecords())
        }
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(completionOf({ role: 'assistant', content: null, tool_calls: [called] }))
      }
      const response = await broker.send(chatPath, { tenant, json: { model: 'cloud', messages, stream } })
      const text = await response.text()
      expect(leaked(text)).toEqual([])
      if (tenant === 'block') return expect(text).toContain('answer_blocked')
      const chunks = stream
        ? [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data))
        : [JSON.parse(text)]
      const calls = chunks.flatMap(({ choices }) => choices.flatMap(callsOf))
      expect(calls.map(({ function: { name } }) => name)).toEqual(['send_mail'])
      expect(JSON.parse(calls[0]?.function.arguments ?? '')).toEqual({ to: known, cc: ['<EMAIL>'], key: '<SECRET>' })
    })

    it.each(tenant === 'redact' ? ['cloud'] : [])('takes out the tokens that say it again: %s', async (model) => {
      const logprobs = { content: ['grace', '.hopper', '@example.org'].map((token) => ({ token, logprob: -0.1 })) }
      const message = { role: 'assistant', content: `Ask ${unknown}.` }
      broker.upstream.script = (_call, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(completionOf(message, logprobs))
      }
      const response = await broker.send(chatPath, { tenant, json: { model, messages, logprobs: true } })
      const { choices } = (await response.json()) as { choices: object[] }
      expect(choices[0]).toMatchObject({ logprobs: null, message: { content: 'Ask <EMAIL>.' } })
    })
  })
})

function completionOf(message: object, logprobs: object | null = null): string {
  const choices = [{ index: 0, message, logprobs, finish_reason: 'stop' }]
  return JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices })
}

interface ToolCall {
  readonly function: { readonly name: string; readonly arguments: string }
}

function callsOf(choice: Record<'message' | 'delta', { tool_calls?: ToolCall[] } | undefined>): ToolCall[] {
  return (choice.message ?? choice.delta)?.tool_calls ?? []
}
