import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import { type ChatCall, completion, say } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { startTestRedis } from '../support/redis.ts'
import { contentOf, readRecords } from '../support/sse-reader.ts'

const cached = { cache: { ttl: '1h', max_kb: 64 } }

/** A broker whose models `local` and `cloud` keep answers, and whose upstream says another number at every call. */
async function start(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const broker = await startTestBroker({
    modelKeys: { local: cached, cloud: cached },
    script: (call, response) => say(`answer ${call.number} to ${call.prompt}`)(call, response),
    ...options,
  })
  onTestFinished(() => broker[Symbol.asyncDispose]())
  return broker
}

const ask = (content: string, more: object = {}) => ({ model: 'local', messages: [{ role: 'user', content }], ...more })

async function chat(
  broker: TestBroker,
  json: object,
  options: { tenant?: string; headers?: Record<string, string> } = {},
) {
  const response = await broker.send('/v1/chat/completions', { json, ...options })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status} ${text}`)
  return { content: JSON.parse(text).choices[0].message.content as string, headers: response.headers }
}

/** What is kept is kept by the recorder, a moment after the answer. */
async function untilKept(broker: TestBroker, answers = 1): Promise<void> {
  await eventually('answers are kept', async () => (await broker.redis.zcard('sluice:cache:index')) >= answers)
}

describe.each([false, true])('cached answers, roles in one process: %s', (shared) => {
  it('are given again to the same tenant for the same request, whatever the order of its fields', async () => {
    const broker = await start({ shared })
    const first = await chat(broker, ask('hello', { temperature: 0, top_p: 1 }))
    await untilKept(broker)
    const second = await chat(broker, { top_p: 1.0, ...ask('hello'), temperature: 0 })
    expect(second.content).toBe(first.content)
    expect([first, second].map(({ headers }) => headers.get('x-sluice-cache'))).toEqual(['miss', 'hit'])
    expect(second.headers.get('x-sluice-cost-usd')).toBe('0')
    expect(second.headers.get('x-sluice-attempts')).toBe('0')
    expect(second.headers.get('x-sluice-deployment')).toBe('studio-a')
    expect(broker.upstream.calls).toHaveLength(1)
  })

  it('are not given to another tenant, to another request, or to who does not want them', async () => {
    const broker = await start({ shared })
    await chat(broker, ask('hello'))
    await untilKept(broker)
    const others = [
      await chat(broker, ask('hello'), { tenant: 'globex' }),
      await chat(broker, ask('hello '), {}),
      await chat(broker, ask('hello', { temperature: 0.5 })),
      await chat(broker, ask('hello'), { headers: { 'cache-control': 'no-store' } }),
      await chat(broker, ask('hello'), { headers: { 'x-sluice-sensitivity': 'restricted' } }),
    ]
    expect(others.map(({ headers }) => headers.get('x-sluice-cache'))).toEqual(others.map(() => 'miss'))
    expect(broker.upstream.calls).toHaveLength(6)
  })

  it('are made anew with no-cache, and the new one is kept', async () => {
    const broker = await start({ shared })
    await chat(broker, ask('hello'))
    await untilKept(broker)
    const anew = await chat(broker, ask('hello'), { headers: { 'cache-control': 'no-cache' } })
    expect(anew.content).toBe('answer 2 to hello')
    const again = await eventually('the new answer', async () => {
      const { content } = await chat(broker, ask('hello'))
      return content === anew.content && content
    })
    expect(again).toBe(anew.content)
    expect(broker.upstream.calls).toHaveLength(2)
  })

  it('come as a stream to who asks for one, with the usage when that is asked for', async () => {
    const broker = await start({ shared })
    const first = await chat(broker, ask('hello'))
    await untilKept(broker)
    const response = await broker.send('/v1/chat/completions', {
      json: ask('hello', { stream: true, stream_options: { include_usage: true } }),
    })
    const records = await Array.fromAsync(readRecords(response))
    expect(contentOf(records)).toBe(first.content)
    expect(records.at(-1)).toBe('data: [DONE]\n\n')
    expect(records.join('')).toContain('"usage":{"prompt_tokens":7')
    expect(broker.upstream.calls).toHaveLength(1)
  })

  it('put personal data back for the tenant whose data it is', async () => {
    const broker = await start({
      shared,
      script: (call, response) => say(`I wrote to ${/<EMAIL_\d+>/.exec(call.prompt)?.[0]}.`)(call, response),
    })
    const request = ask('Write to ada@example.com', { model: 'cloud' })
    const first = await chat(broker, request)
    await untilKept(broker)
    const second = await chat(broker, request)
    expect([first.content, second.content]).toEqual(['I wrote to ada@example.com.', 'I wrote to ada@example.com.'])
    expect(second.headers.get('x-sluice-cache')).toBe('hit')
    expect(JSON.stringify(await broker.redis.get((await broker.redis.keys('sluice:cache:answer:*'))[0] ?? ''))).toMatch(
      /^"sealed:/,
    )
  })

  it('leave a row in the ledger that costs nothing', async () => {
    const broker = await start({
      shared,
      models: { local: [{ id: 'studio-a', pool: 'studio', price: { input: 1, output: 1 } }] },
    })
    await chat(broker, ask('hello'))
    await untilKept(broker)
    const { headers } = await chat(broker, ask('hello'))
    const job = headers.get('x-sluice-job-id')
    const row = await eventually('the row', async () => {
      const response = await broker.send('/admin/v1/ledger', {
        headers: { authorization: `Bearer ${broker.adminKey}` },
      })
      const rows = (await response.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      return rows.find((each) => each.job === job)
    })
    expect(row).toMatchObject({ outcome: 'cache_hit', micro_usd: 0, tokens_in: 0, deployment: 'studio-a' })
  })
})

describe('requests that are in flight', () => {
  /** An upstream that keeps its first caller waiting until the test lets go. */
  function gated() {
    const held: { call: ChatCall; response: ServerResponse }[] = []
    return {
      held,
      script: (call: ChatCall, response: ServerResponse) => {
        held.push({ call, response })
      },
      answer({ call, response }: { call: ChatCall; response: ServerResponse }, text: string) {
        return say(text)(call, response)
      },
    }
  }

  it.each([false, true])('share one call when they are the same, roles in one process: %s', async (shared) => {
    const upstream = gated()
    const broker = await start({ shared, script: upstream.script })
    const answers = Array.from({ length: 5 }, () => chat(broker, ask('hello')))
    await eventually('a call', () => upstream.held.length > 0)
    const key = await eventually('the followers', async () => {
      const [followers] = await broker.redis.keys('sluice:flight:followers:*')
      return followers !== undefined && (await broker.redis.llen(followers)) === 4 && followers
    })
    expect(key).toBeTruthy()
    expect(upstream.held).toHaveLength(1)
    for (const held of upstream.held) await upstream.answer(held, 'once')
    const all = await Promise.all(answers)
    expect(all.map(({ content }) => content)).toEqual(Array.from({ length: 5 }, () => 'once'))
    expect(all.map(({ headers }) => headers.get('x-sluice-cache')).sort()).toEqual([
      'miss',
      ...Array.from({ length: 4 }, () => 'shared'),
    ])
    expect(broker.upstream.calls).toHaveLength(1)
    await eventually('nothing is left over', async () => (await broker.redis.keys('sluice:flight:*')).length === 0)
  })

  it('go on by themselves when the first one fails', async () => {
    const upstream = gated()
    const broker = await start({ script: upstream.script })
    const answers = Array.from({ length: 3 }, () => chat(broker, ask('hello')).catch((error: Error) => error.message))
    await eventually('the followers', async () => {
      const [followers] = await broker.redis.keys('sluice:flight:followers:*')
      return followers !== undefined && (await broker.redis.llen(followers)) === 2
    })
    const first = await eventually('the first call', () => upstream.held[0])
    first.response
      .writeHead(400, { 'content-type': 'application/json' })
      .end('{"error":{"message":"no","type":"invalid_request_error","code":null,"param":null}}')
    await eventually('the next one leads', () => upstream.held.length === 2)
    const second = upstream.held[1]
    if (second) await upstream.answer(second, 'second')
    const all = await Promise.all(answers)
    expect(all.filter((answer) => typeof answer === 'string')).toHaveLength(1)
    expect(all.flatMap((answer) => (typeof answer === 'string' ? [] : [answer.content]))).toEqual(['second', 'second'])
    expect(broker.upstream.calls).toHaveLength(2)
  })
})

describe('the room for answers', () => {
  it('is bounded: the oldest go', async () => {
    const text = 'x'.repeat(300_000)
    const broker = await start({
      modelKeys: { local: { cache: { ttl: '1h', max_kb: 1024 } } },
      config: { cache: { max_mb: 1 } },
      script: (_call, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(completion(text))
      },
    })
    for (const name of ['a', 'b', 'c', 'd']) {
      await chat(broker, ask(name))
      await eventually('it is recorded', async () => (await broker.redis.hlen('sluice:flight:leaders')) === 0)
    }
    expect(await broker.redis.zcard('sluice:cache:index')).toBe(2)
    expect(await broker.redis.keys('sluice:cache:answer:*')).toHaveLength(2)
    expect(Number(await broker.redis.get('sluice:cache:bytes'))).toBeLessThanOrEqual(1024 * 1024)
  })

  it('is in another Redis where one is named, which never gets an answer to a restricted job unless it is on-premises', async () => {
    const other = await startTestRedis()
    onTestFinished(() => other[Symbol.asyncDispose]())
    const broker = await start({ config: { cache: { url: other.url } } })
    const restricted = { headers: { 'x-sluice-sensitivity': 'restricted' } }
    await chat(broker, ask('secret'), restricted)
    await chat(broker, ask('secret'), restricted)
    await chat(broker, ask('hello'))
    const again = await eventually('a hit', async () => {
      const answer = await chat(broker, ask('hello'))
      return answer.headers.get('x-sluice-cache') === 'hit' && answer
    })
    expect(again.content).toContain('hello')
    expect(broker.upstream.calls.filter(({ prompt }) => prompt === 'secret')).toHaveLength(2)
    expect(await broker.redis.keys('sluice:cache:*')).toEqual([])
  })

  it('costs nobody an answer when its Redis is away', async () => {
    const other = await startTestRedis()
    const broker = await start({ config: { cache: { url: other.url } } })
    await chat(broker, ask('hello'))
    await eventually('it is recorded', async () => (await broker.redis.hlen('sluice:flight:leaders')) === 0)
    await other[Symbol.asyncDispose]()
    const answer = await chat(broker, ask('hello'))
    expect(answer.headers.get('x-sluice-cache')).toBe('miss')
    expect(answer.content).toBe('answer 2 to hello')
  })
})
