import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { type SandboxOptions, startSandbox } from '../../src/sandbox/server.ts'

const logLines = [
  ...Array.from({ length: 30 }, (_, index) => `2026-11-21 09:18:${10 + index} INFO served request ${index}`),
  ...Array.from({ length: 3 }, (_, index) => `2026-11-21 09:19:1${index} ERROR request ${index} timed out`),
]
const logMessage = `Summarise these lines:\n${logLines.join('\n')}\n`

type Fault = NonNullable<SandboxOptions['faults']>[number]

async function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'content-type': 'application/json', authorization: 'Bearer sk-secret-of-the-test' }
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: text, ...(signal ? { signal } : {}) })
}

function chat(content: unknown, rest: object = {}): object {
  return { model: 'sandbox', messages: [{ role: 'user', content }], ...rest }
}

const streamed = { stream: true, stream_options: { include_usage: true } }

/** The JSON of each record of an SSE body, `[DONE]` as text. */
function recordsOf(body: string): unknown[] {
  const records = body.split('\n\n').filter((record) => record !== '')
  return records.map((record) => {
    const data = record.replace(/^data: /, '')
    return data === '[DONE]' ? data : JSON.parse(data)
  })
}

/** Reads records one by one and stops at `count`, without waiting for the stream's end. */
async function readRecords(response: Response, count: number): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true })
    if (text.split('\n\n').length > count) break
  }
  return text
}

describe('sandbox answers', () => {
  it('summarises a log in text that names the sandbox', async () => {
    await using sandbox = await startSandbox()
    const client = new OpenAI({ baseURL: `${sandbox.url}/v1`, apiKey: 'any', maxRetries: 0 })
    const answer = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: logMessage }],
    })
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'sandbox', system_fingerprint: 'sluice-sandbox' })
    const [choice] = answer.choices
    expect(choice).toMatchObject({
      index: 0,
      logprobs: null,
      finish_reason: 'stop',
      message: { role: 'assistant', refusal: null },
    })
    expect(choice?.message.content).toContain('Sluice sandbox')
    expect(choice?.message.content).toContain('- 33 lines')
    expect(choice?.message.content).toContain('error 3, info 30')
    expect(choice?.message.content).toContain('30 × info: `INFO served request <num>` (e.g. line 1)')
    expect(answer.usage).toEqual({
      prompt_tokens: Math.ceil(Buffer.byteLength(logMessage) / 4),
      completion_tokens: Math.ceil(Buffer.byteLength(choice?.message.content ?? '') / 4),
      total_tokens: (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
    })
  })

  it.each([{ type: 'json_object' }, { type: 'json_schema', json_schema: { name: 'any', schema: {} } }])(
    'summarises a log as a JSON object when asked by %o',
    async (format) => {
      await using sandbox = await startSandbox()
      const response = await post(sandbox.url, chat(logMessage, { response_format: format }))
      const { choices } = (await response.json()) as { choices: [{ message: { content: string } }] }
      expect(JSON.parse(choices[0].message.content)).toMatchObject({
        lines: 33,
        first: '2026-11-21 09:18:10',
        last: '2026-11-21 09:19:12',
        severities: { fatal: 0, error: 3, warn: 0, info: 30, debug: 0, none: 0 },
        templates: [
          { template: 'INFO served request <num>', count: 30, severity: 'info', example_line: 1 },
          { template: 'ERROR request <num> timed out', count: 3, severity: 'error', example_line: 31 },
        ],
        anomalies: [],
      })
    },
  )

  it('takes every line for the log when a system message instructs and JSON is asked for', async () => {
    await using sandbox = await startSandbox()
    const piece =
      'tail of an entry\nplain warning without a time\n\n2026-11-21 09:18:10 ERROR a\n2026-11-21 09:18:11 INFO b\n\nlate error\n\n'
    const messages = [
      { role: 'system', content: 'Summarise the log lines of the next message.' },
      { role: 'user', content: piece },
    ]
    const body = { model: 'm', messages, response_format: { type: 'json_object' } }
    const { choices } = (await (await post(sandbox.url, body)).json()) as {
      choices: [{ message: { content: string } }]
    }
    expect(JSON.parse(choices[0].message.content)).toMatchObject({
      lines: piece.split('\n').length - 1,
      severities: { fatal: 0, error: 2, warn: 1, info: 1, debug: 0, none: 4 },
    })
  })

  it('answers a message without a log by saying what it is, with the start of that message', async () => {
    await using sandbox = await startSandbox()
    const parts = [{ type: 'text', text: 'Please write to <EMAIL_1>' }]
    const { choices } = (await (await post(sandbox.url, chat(parts))).json()) as {
      choices: [{ message: { content: string } }]
    }
    expect(choices[0].message.content).toMatch(/sandbox, not a language model.*Please write to <EMAIL_1>$/)
  })

  it('repeats exactly what follows echo:, whole and as the sum of its pieces', async () => {
    await using sandbox = await startSandbox()
    const text = ' <EMAIL_1> said:\n\t"naïve 😀"   (12345) '
    const waiting = (await (await post(sandbox.url, chat(`echo:${text}`))).json()) as {
      choices: [{ message: { content: string } }]
    }
    expect(waiting.choices[0].message.content).toBe(text)
    const client = new OpenAI({ baseURL: `${sandbox.url}/v1`, apiKey: 'any', maxRetries: 0 })
    const final = await client.chat.completions
      .stream({ model: 'm', messages: [{ role: 'user', content: `echo:${text}` }] })
      .finalContent()
    expect(final).toBe(text)
  })

  it('streams role, pieces, finish reason, usage and [DONE], with usage null until the last chunk', async () => {
    await using sandbox = await startSandbox({ tokenDelayMs: 1 })
    const response = await post(sandbox.url, chat('echo:<EMAIL_1>', streamed))
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const records = recordsOf(await response.text())
    const choice = (delta: object, finish_reason: string | null = null) => ({
      object: 'chat.completion.chunk',
      model: 'sandbox',
      choices: [{ index: 0, delta, finish_reason }],
      usage: null,
    })
    expect(records).toMatchObject([
      choice({ role: 'assistant', content: '' }),
      ...['<', 'EMAIL', '_', '1', '>'].map((content) => choice({ content })),
      choice({}, 'stop'),
      { choices: [], usage: { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 } },
      '[DONE]',
    ])
  })

  it('sends no usage in a stream that did not ask for it', async () => {
    await using sandbox = await startSandbox()
    const body = await (await post(sandbox.url, chat('echo:hi', { stream: true }))).text()
    expect(body).not.toContain('usage')
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it('ends with finish reason length where max_tokens ends, at a whole character', async () => {
    await using sandbox = await startSandbox()
    const answer = await (await post(sandbox.url, chat('echo:ab😀😀', { max_tokens: 2 }))).json()
    expect(answer).toMatchObject({ choices: [{ message: { content: 'ab😀' }, finish_reason: 'length' }] })
  })

  it.each([
    ['not JSON', '{"model":', null],
    ['no object', '[]', null],
    ['no model', { messages: [{ role: 'user', content: 'hi' }] }, 'model'],
    ['no messages', { model: 'm' }, 'messages'],
    ['empty messages', { model: 'm', messages: [] }, 'messages'],
    ['an unknown role', { model: 'm', messages: [{ role: 'robot', content: 'hi' }] }, 'messages[0].role'],
    ['a stream that is no boolean', chat('hi', { stream: 'yes' }), 'stream'],
    ['two choices', chat('hi', { n: 2 }), 'n'],
  ])('refuses %s in OpenAI’s error shape', async (_what, body, param) => {
    await using sandbox = await startSandbox()
    const response = await post(sandbox.url, body)
    expect(response.status).toBe(400)
    const { error } = (await response.json()) as { error: object }
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect(error).toMatchObject({ type: 'invalid_request_error', param })
  })

  it('lists its model, is healthy, and knows no other path or method', async () => {
    await using sandbox = await startSandbox({ faults: [{ fault: 'hang' }] })
    expect(await (await fetch(`${sandbox.url}/v1/models`)).json()).toMatchObject({
      object: 'list',
      data: [{ id: 'sandbox' }],
    })
    expect((await fetch(`${sandbox.url}/health`)).status).toBe(200)
    expect((await fetch(`${sandbox.url}/v1/audio/speech`, { method: 'POST', body: '{}' })).status).toBe(404)
    expect((await fetch(`${sandbox.url}/health`, { method: 'DELETE' })).status).toBe(405)
  })

  it('refuses a body past its limit with 413', async () => {
    await using sandbox = await startSandbox()
    const response = await post(sandbox.url, chat('x'.repeat(33 * 1024 * 1024))).catch((cause: unknown) => cause)
    // A client that is still writing may see the closed connection before it sees the answer.
    if (response instanceof Response) expect(response.status).toBe(413)
    else expect(response).toBeInstanceOf(TypeError)
  })
})

describe('sandbox faults', () => {
  function isPending(promise: Promise<unknown> | undefined): Promise<boolean> {
    return Promise.race([promise?.then(() => false), Promise.resolve(true)]) as Promise<boolean>
  }

  async function callWith(fault: Fault, rest: object = {}) {
    const sandbox = await startSandbox({ faults: [fault] })
    const abort = new AbortController()
    return {
      answer: (name = 'one') => post(sandbox.url, chat(`echo:${name} two three four`, rest), abort.signal),
      abort,
      [Symbol.asyncDispose]: () => sandbox.close(),
    }
  }

  it.each([
    [{ fault: 'rate_limit', retry_after_s: 7 }, 429, '7', 'rate_limit_exceeded'],
    [{ fault: 'rate_limit' }, 429, null, 'rate_limit_exceeded'],
    [{ fault: 'server_error' }, 500, null, null],
    [{ fault: 'server_error', retry_after_s: 2 }, 503, '2', null],
    [{ fault: 'unauthorized' }, 401, null, 'invalid_api_key'],
  ] satisfies [Fault, number, string | null, string | null][])(
    '%o answers %i',
    async (fault, status, retryAfter, code) => {
      await using call = await callWith(fault)
      const response = await call.answer()
      expect(response.status).toBe(status)
      expect(response.headers.get('retry-after')).toBe(retryAfter)
      expect(await response.json()).toMatchObject({ error: { code } })
    },
  )

  it('latency answers well, but later than a request that came after', async () => {
    await using call = await callWith({ fault: 'latency', latency_ms: 200, times: 1, match: 'first' })
    const order: string[] = []
    const calls = ['first', 'second'].map(async (name) => {
      expect((await call.answer(name)).status).toBe(200)
      order.push(name)
    })
    await Promise.all(calls)
    expect(order).toEqual(['second', 'first'])
  })

  it('garbage is a 200 that is no JSON, also in a stream', async () => {
    await using waiting = await callWith({ fault: 'garbage' })
    await expect((await waiting.answer()).json()).rejects.toThrow(SyntaxError)
    await using stream = await callWith({ fault: 'garbage' }, streamed)
    const text = await (await stream.answer()).text()
    expect(() => recordsOf(text)).toThrow(SyntaxError)
  })

  it('html is a 200 that is a web page', async () => {
    await using call = await callWith({ fault: 'html' })
    const response = await call.answer()
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html'])
  })

  it('cut_stream ends a stream in good order without finish reason and [DONE]', async () => {
    await using call = await callWith({ fault: 'cut_stream', after_chunks: 2 }, streamed)
    const records = recordsOf(await (await call.answer()).text())
    expect(records).toMatchObject([
      { choices: [{ delta: { role: 'assistant' } }] },
      { choices: [{ delta: { content: 'one' } }] },
    ])
  })

  it('cut_stream breaks a waiting call in the middle of its body', async () => {
    await using call = await callWith({ fault: 'cut_stream' })
    const response = await call.answer()
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  it('hang_mid_stream falls silent after its chunks while others are served', async () => {
    await using call = await callWith({ fault: 'hang_mid_stream', after_chunks: 2, times: 1 }, streamed)
    const reader = (await call.answer()).body?.getReader()
    let text = ''
    while (text.split('\n\n').length <= 2) text += Buffer.from((await reader?.read())?.value ?? []).toString()
    const next = reader?.read()
    expect(await (await call.answer()).text()).toContain('[DONE]')
    expect([recordsOf(text).length, await isPending(next)]).toEqual([2, true])
    call.abort.abort()
    await expect(next).rejects.toThrow()
  })

  it('hang never answers while others are served', async () => {
    await using call = await callWith({ fault: 'hang', times: 1, match: 'first' })
    const answer = call.answer('first')
    expect((await call.answer('second')).status).toBe(200)
    expect(await isPending(answer)).toBe(true)
    call.abort.abort()
    await expect(answer).rejects.toThrow()
  })

  it('reset breaks the connection before an answer, or after the chunks it names', async () => {
    await using before = await callWith({ fault: 'reset' })
    await expect(before.answer()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
    await using amid = await callWith({ fault: 'reset', after_chunks: 3 }, streamed)
    const response = await amid.answer()
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  it('applies the first rule that a request matches, as often as it says', async () => {
    await using sandbox = await startSandbox()
    sandbox.setFaults([
      { fault: 'unauthorized', match: 'needle' },
      { fault: 'server_error', model: 'other' },
      { fault: 'rate_limit', times: 2 },
    ])
    const statuses: number[] = []
    for (const body of [chat('a needle'), { ...chat('hi'), model: 'other' }, chat('hi'), chat('hi'), chat('hi')]) {
      statuses.push((await post(sandbox.url, body)).status)
    }
    expect(statuses).toEqual([401, 500, 429, 429, 200])
  })

  it('takes rules over HTTP and forgets them again', async () => {
    await using sandbox = await startSandbox()
    const set = await fetch(`${sandbox.url}/faults`, { method: 'POST', body: '[{"fault":"unauthorized"}]' })
    expect([set.status, (await post(sandbox.url, chat('hi'))).status]).toEqual([200, 401])
    const cleared = await fetch(`${sandbox.url}/faults`, { method: 'DELETE' })
    expect([cleared.status, (await post(sandbox.url, chat('hi'))).status]).toEqual([200, 200])
  })

  it.each([
    '{}',
    'nonsense',
    '[{"fault":"unknown"}]',
    '[{"fault":"latency"}]',
    '[{"fault":"html","after_chunks":1}]',
    '[{"fault":"hang","times":0}]',
    '[{"fault":"hang","extra":1}]',
  ])('refuses the rules %s and keeps the old ones', async (rules) => {
    await using sandbox = await startSandbox({ faults: [{ fault: 'unauthorized' }] })
    expect((await fetch(`${sandbox.url}/faults`, { method: 'POST', body: rules })).status).toBe(400)
    expect((await post(sandbox.url, chat('hi'))).status).toBe(401)
  })
})

describe('sandbox server', () => {
  it('captures chat requests as they arrived, without the key', async () => {
    await using sandbox = await startSandbox({ capture: true })
    const body = JSON.stringify(chat('hi'))
    await (await post(sandbox.url, body)).text()
    expect(sandbox.requests).toMatchObject([
      { body, headers: { authorization: '[removed]', 'content-type': 'application/json' } },
    ])
    const listed = await (await fetch(`${sandbox.url}/requests`)).text()
    expect(listed).not.toContain('sk-secret')
    expect(JSON.parse(listed)).toEqual(sandbox.requests)
  })

  it('keeps no request unless it is told to', async () => {
    await using sandbox = await startSandbox()
    await (await post(sandbox.url, chat('hi'))).text()
    expect(sandbox.requests).toEqual([])
    expect((await fetch(`${sandbox.url}/requests`)).status).toBe(404)
  })

  it('closes while a client is in the middle of a stream', async () => {
    const sandbox = await startSandbox({ tokenDelayMs: 20 })
    const response = await post(sandbox.url, chat(`echo:${'word '.repeat(1000)}`, streamed))
    const reading = readRecords(response, 1_000_000)
    await sandbox.close()
    await expect(reading).rejects.toThrow()
    await expect(post(sandbox.url, chat('hi'))).rejects.toThrow()
  })

  it('runs as a process that says when it is ready and ends on SIGTERM', async () => {
    const main = fileURLToPath(new URL('../../src/sandbox/main.ts', import.meta.url))
    const child = spawn(process.execPath, [main, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      const url = /^ready: (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1] ?? ''
      expect((await post(url, chat('hi'))).status).toBe(200)
      child.kill('SIGTERM')
      expect(await exited).toEqual([0, null])
    } finally {
      child.kill('SIGKILL')
    }
  })

  it.each([
    ['--help', 0, 'stdout'],
    ['--prot', 2, 'stderr'],
    ['--port=99999', 2, 'stderr'],
  ] as const)('tells how it is used, without a stack: %s', async (flag, exitCode, stream) => {
    const main = fileURLToPath(new URL('../../src/sandbox/main.ts', import.meta.url))
    const child = spawn(process.execPath, [main, flag], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [[code], told] = await Promise.all([once(child, 'exit'), text(child[stream])])
    expect(code).toBe(exitCode)
    expect(told).toContain('Usage: node src/sandbox/main.ts')
    expect(told).not.toContain('    at ')
  })
})

describe('sandbox embeddings', () => {
  it('are the same for the same text, near for texts that share words, and as long as 1', async () => {
    await using sandbox = await startSandbox()
    const client = new OpenAI({ baseURL: `${sandbox.url}/v1`, apiKey: 'any', maxRetries: 0 })
    const input = ['Disk full on node-7', 'disk FULL on node-8', 'lunch menu', '…']
    const { data, model, usage } = await client.embeddings.create({ model: 'm', input, dimensions: 512 })
    const [one = [], two = [], three = [], none = []] = data.map(({ embedding }) => embedding)
    const nearness = (other: readonly number[]) =>
      one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0)
    expect(nearness(one)).toBeCloseTo(1)
    expect(nearness(two)).toBeGreaterThan(0.5)
    expect(Math.abs(nearness(three))).toBeLessThan(0.3)
    expect(Math.hypot(...none)).toBeCloseTo(1)
    expect(model).toBe('sandbox-hashed-words')
    expect(usage.total_tokens).toBe(usage.prompt_tokens)
    const again = await client.embeddings.create({ model: 'm', input: 'Disk full on node-7', dimensions: 512 })
    expect(again.data[0]?.embedding).toEqual(one)
  })

  it('misbehave on demand, and refuse what is no request for them', async () => {
    await using sandbox = await startSandbox({ faults: [{ fault: 'rate_limit', times: 1, retry_after_s: 3 }] })
    const ask = (body: object) =>
      fetch(`${sandbox.url}/v1/embeddings`, { method: 'POST', body: JSON.stringify({ model: 'm', ...body }) })
    const limited = await ask({ input: 'x' })
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '3'])
    expect((await ask({ input: [1, 2, 3] })).status).toBe(200)
    expect((await ask({ input: [] })).status).toBe(400)
    expect((await ask({ messages: [] })).status).toBe(400)
  })
})
