import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ExpectedError, expectApiError } from '../support/api-errors.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'

/**
 * Whatever a client sends, the answer is an error in OpenAI's shape with the right status, and the next client is
 * served as if nothing had been.
 */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ config: { webhooks: {} } })
})
afterAll(() => broker[Symbol.asyncDispose]())

const chatPath = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'echo: still here' }]
const chat = { model: 'local', messages }
const invalid = (param: string | null, message?: RegExp): ExpectedError => ({
  status: 400,
  code: 'invalid_request',
  param,
  ...(message && { message }),
})
const invalidHeader = (param: string, message?: RegExp): ExpectedError => ({
  ...invalid(param, message),
  code: 'invalid_header',
})
const invalidJson: ExpectedError = { status: 400, code: 'invalid_json' }
const unauthorized: ExpectedError = { status: 401, code: 'invalid_api_key', message: /key/i }
const noSuchJob: ExpectedError = { status: 404, code: 'job_not_found', param: 'id' }
const noSuchPath: ExpectedError = { status: 404, code: 'route_not_found' }
const tooLarge: ExpectedError = { status: 413, code: 'body_too_large' }

async function expectGoodChat(): Promise<void> {
  const response = await broker.send(chatPath, { json: chat })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'still here' } }] })
}

/** One test per row: a name, what is sent, what comes back. */
function refuses(rows: readonly (readonly [name: string, path: string, send: SendOptions, expected: ExpectedError])[]) {
  it.each(rows)('refuses %s', async (_name, path, options, expected) => {
    await expectApiError(await broker.send(path, options), expected)
    await expectGoodChat()
  })
}

describe('the key', () => {
  const authorization = (value: string): SendOptions => ({
    json: chat,
    tenant: null,
    headers: { authorization: value },
  })
  refuses([
    ['a request without a key', chatPath, { json: chat, tenant: null }, unauthorized],
    ['another scheme', chatPath, authorization('Basic c2stdGVzdA=='), unauthorized],
    ['an unknown key', chatPath, authorization('Bearer sk-not-a-key'), unauthorized],
    ['an empty key', chatPath, authorization('Bearer '), unauthorized],
    ['a key with a tail', chatPath, authorization('Bearer sk-test-acme-0123456789 x'), unauthorized],
    ['a key of 10 kB', chatPath, authorization(`Bearer ${'k'.repeat(10_000)}`), unauthorized],
    ['a path that is spelled in escapes', '/%761/models', { tenant: null }, unauthorized],
    ['an unknown path without a key', '/v1/nothing', { tenant: null }, unauthorized],
  ])
})

describe('a chat', () => {
  const withField = (field: object): SendOptions => ({ json: { ...chat, ...field } })
  const row = (name: string, field: object, param: string, message?: RegExp) =>
    [name, chatPath, withField(field), invalid(param, message)] as const
  refuses([
    [
      'an unknown model',
      chatPath,
      withField({ model: 'gpt-99' }),
      { status: 404, code: 'model_not_found', param: 'model' },
    ],
    [
      'the name of a property as model',
      chatPath,
      withField({ model: 'constructor' }),
      { status: 404, code: 'model_not_found', param: 'model' },
    ],
    row('a model of a wrong type', { model: 7 }, 'model', /string/),
    row('an empty model', { model: '' }, 'model'),
    ['no model', chatPath, { json: { messages } }, invalid('model', /^Missing field model: expected string$/)],
    ['no messages', chatPath, { json: { model: 'local' } }, invalid('messages', /array/)],
    row('empty messages', { messages: [] }, 'messages', /at least|>=1/),
    row('messages that are text', { messages: 'hello' }, 'messages', /array/),
    row('a message that is text', { messages: ['hello'] }, 'messages[0]', /object/),
    row('a message that is null', { messages: [...messages, null] }, 'messages[1]', /object/),
    row('a message without a role', { messages: [{ content: 'x' }] }, 'messages[0].role', /"system".*"user"/),
    row('an unknown role', { messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role', /"assistant"/),
    row(
      'content that is a number',
      { messages: [{ role: 'user', content: 7 }] },
      'messages[0].content',
      /string.*parts.*null/,
    ),
    row(
      'content parts without a type',
      { messages: [{ role: 'user', content: [{ text: 'x' }] }] },
      'messages[0].content[0].type',
      /string/,
    ),
    row('a temperature out of range', { temperature: 2.1 }, 'temperature', /2/),
    row('a temperature that is text', { temperature: 'hot' }, 'temperature', /number/),
    row('a top_p out of range', { top_p: -0.1 }, 'top_p', /0/),
    row('n = 0', { n: 0 }, 'n', /1/),
    row('half an answer', { n: 1.5 }, 'n', /int/),
    row('max_tokens = -1', { max_tokens: -1 }, 'max_tokens', /1/),
    row('stream as text', { stream: 'true' }, 'stream', /boolean/),
    row('stream options that are a list', { stream_options: [] }, 'stream_options', /object/),
    row(
      'include_usage as a number',
      { stream_options: { include_usage: 1 } },
      'stream_options.include_usage',
      /boolean/,
    ),
    row('five stop sequences', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', /4/),
    row('a stop sequence that is an object', { stop: {} }, 'stop', /string/),
    row('tools that are an object', { tools: {} }, 'tools', /array/),
    row('a user that is a number', { user: 12 }, 'user', /string/),
    [
      'a number past all numbers',
      chatPath,
      {
        body: '{"model":"local","messages":[{"role":"user","content":"x"}],"temperature":1e999}',
        headers: { 'content-type': 'application/json' },
      },
      invalid('temperature', /number/),
    ],
    [
      'a count past all integers',
      chatPath,
      {
        body: '{"model":"local","messages":[{"role":"user","content":"x"}],"max_tokens":1e30}',
        headers: { 'content-type': 'application/json' },
      },
      invalid('max_tokens'),
    ],
  ])
})

describe('a body', () => {
  const raw = (body: string | Buffer, type: string | null = 'application/json'): SendOptions => ({
    method: 'POST',
    body: body as NonNullable<RequestInit['body']>,
    ...(type !== null && { headers: { 'content-type': type } }),
  })
  const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)
  const inChat = (text: string) => `{"model":"local","messages":[{"role":"user","content":"x"}],"extra":${text}}`
  const inJob = (text: string) => `{"model":"local","input":{"endpoint":"${chatPath}","body":${inChat(text)}}}`
  const unsupported: ExpectedError = { status: 415, code: 'unsupported_media_type', message: /application\/json/ }
  refuses([
    ['an empty body', chatPath, raw(''), invalidJson],
    ['no body at all', chatPath, { method: 'POST' }, invalid(null, /object/)],
    ['null', chatPath, raw('null'), invalid(null, /object/)],
    ['a list', chatPath, raw('[]'), invalid(null, /object/)],
    ['a number', chatPath, raw('7'), invalid(null, /object/)],
    ['broken JSON', chatPath, raw('{"model": local}'), invalidJson],
    ['JSON that ends too soon', chatPath, raw(JSON.stringify(chat).slice(0, -9)), invalidJson],
    ['two documents', chatPath, raw(JSON.stringify(chat).repeat(2)), invalidJson],
    ['invalid UTF-8', chatPath, raw(Buffer.from(inChat('"\xff\xfe"'), 'latin1')), invalidJson],
    ['UTF-16', chatPath, raw(Buffer.from(JSON.stringify(chat), 'utf16le')), invalidJson],
    ['NUL bytes', chatPath, raw(Buffer.alloc(1_000)), invalidJson],
    ['a NUL byte inside a string', chatPath, raw(inChat('"\0"')), invalidJson],
    ['another content type', chatPath, raw(JSON.stringify(chat), 'text/plain'), unsupported],
    ['a form', chatPath, raw('model=local', 'application/x-www-form-urlencoded'), unsupported],
    ['a content type that is none', chatPath, raw(JSON.stringify(chat), ';;;'), unsupported],
    ['no content type', chatPath, raw(Buffer.from(JSON.stringify(chat)), null), unsupported],
    ['100,000 lists in each other', chatPath, raw(nested('[', ']', 100_000)), invalidJson],
    ['100,000 lists that never close', chatPath, raw('['.repeat(100_000)), invalidJson],
    [
      '100,000 objects in each other in a field of its own',
      chatPath,
      raw(inChat(nested('{"a":', '}', 100_000).replace('}', '1}'))),
      invalidJson,
    ],
    [
      '100,000 lists in each other in a field of its own',
      chatPath,
      raw(inChat(nested('[', ']', 100_000))),
      invalidJson,
    ],
    ['100,000 lists in each other in a job', '/v1/jobs', raw(inJob(nested('[', ']', 100_000))), invalidJson],
    ['5,000 lists in each other', chatPath, raw(inChat(nested('[', ']', 5_000))), invalidJson],
    ['a body over the limit', chatPath, raw(inChat(JSON.stringify('x'.repeat(1024 * 1024)))), tooLarge],
    ['100 MB', chatPath, raw(Buffer.alloc(100 * 1024 * 1024, 0x20)), tooLarge],
  ])

  it('is refused when it grows over the limit without having said how long it is', async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(64 * 1024, 0x20)),
    })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' as const }
    const authorization = `Bearer ${broker.keys.acme}`
    const response = await fetch(broker.url + chatPath, { ...init, headers: { ...init.headers, authorization } })
    await expectApiError(response, tooLarge)
    await expectGoodChat()
  })

  it('may hold what JSON can say: lone surrogates, NUL, keys called __proto__, repeated keys, huge numbers', async () => {
    const body = String.raw`{"model":"nope","model":"local","__proto__":{"n":0},"constructor":{"prototype":1},
      "big":123456789012345678901234567890,"messages":[{"role":"user","__proto__":{"role":"wizard"},"content":"echo: a\u0000b\ud800c"}]}`
    const response = await broker.send(chatPath, { body, headers: { 'content-type': 'application/json' } })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'a\0b\ud800c' } }] })
    expect(Object.prototype).not.toHaveProperty('n')
    await expectGoodChat()
  })
})

describe('a header', () => {
  const withHeader = (name: string, value: string): SendOptions => ({ json: chat, headers: { [name]: value } })
  const row = (name: string, header: string, value: string, message?: RegExp) =>
    [name, chatPath, withHeader(header, value), invalidHeader(header, message)] as const
  refuses([
    row('an unknown priority', 'x-sluice-priority', 'urgent', /"interactive".*"standard".*"batch"/),
    row('an empty priority', 'x-sluice-priority', '', /"interactive"/),
    row('two priorities', 'x-sluice-priority', 'batch, standard', /"interactive"/),
    row('an unknown sensitivity', 'x-sluice-sensitivity', 'secret', /"public".*"internal".*"restricted"/),
    row('tags without values', 'x-sluice-tags', 'team', /a=b,c=d/),
    row('tags with blanks in names', 'x-sluice-tags', 'my team=1', /a=b,c=d/),
    row('17 tags', 'x-sluice-tags', Array.from({ length: 17 }, (_, index) => `t${index}=1`).join(','), /16/),
    row('tags of 3 kB', 'x-sluice-tags', `a=${'b'.repeat(3_000)}`, /2000/),
    row('a deadline that is no time', 'x-sluice-deadline', 'tomorrow', /seconds.*RFC 3339/),
    row('a deadline without a zone', 'x-sluice-deadline', '2099-01-01T00:00:00', /RFC 3339/),
    row('a deadline in no time', 'x-sluice-deadline', '0', /seconds/),
    row('a negative deadline', 'x-sluice-deadline', '-5', /seconds/),
    row('a past deadline', 'x-sluice-deadline', '2020-01-01T00:00:00Z', /passed/),
    row('a deadline in a month and more', 'x-sluice-deadline', '2592001', /30 days/),
    row('a deadline in another century', 'x-sluice-deadline', '2199-01-01T00:00:00Z', /30 days/),
    row('an Idempotency-Key that is too long', 'idempotency-key', 'k'.repeat(256), /255/),
    row('an empty Idempotency-Key', 'idempotency-key', '', /1/),
  ])

  it('with a used Idempotency-Key and another body is refused for good', async () => {
    const headers = { 'idempotency-key': 'used once' }
    const first = await broker.send(chatPath, { json: chat, headers })
    expect(first.status).toBe(200)
    const other = { ...chat, messages: [{ role: 'user', content: 'something else' }] }
    const second = await broker.send(chatPath, { json: other, headers })
    await expectApiError(second, { status: 422, code: 'idempotency_key_reused', param: 'Idempotency-Key' })
    expect(second.headers.get('x-should-retry')).toBe('false')
    // The key is the tenant's own.
    expect((await broker.send(chatPath, { json: other, headers, tenant: 'globex' })).status).toBe(200)
    await expectGoodChat()
  })
})

describe('a job', () => {
  const good = { model: 'local', input: { endpoint: chatPath, body: { messages } } }
  const row = (name: string, change: object, expected: ExpectedError) =>
    [name, '/v1/jobs', { json: { ...good, ...change } }, expected] as const
  const withBody = (body: unknown) => ({ input: { endpoint: chatPath, body } })
  const hook = (url: string, more: object = {}) => ({ webhook: { url, ...more } })
  refuses([
    row('an unknown key', { prioritty: 'batch' }, invalid('prioritty', /prioritty/)),
    row('a key that is needed, misspelt', { model: undefined, modle: 'local' }, invalid('modle', /known are model/)),
    row('an unknown key in its input', { input: { ...good.input, bodi: {} } }, invalid('input.bodi')),
    row('no input', { input: undefined }, invalid('input', /object/)),
    row(
      'another endpoint',
      { input: { ...good.input, endpoint: '/v1/images' } },
      invalid('input.endpoint', /"\/v1\/chat\/completions"/),
    ),
    row('a body that is text', withBody('{}'), invalid('input.body', /object/)),
    row('a body without messages', withBody({}), invalid('input.body.messages', /array/)),
    row('a body with n = 0', withBody({ messages, n: 0 }), invalid('input.body.n')),
    row(
      'a body with an unknown role',
      withBody({ messages: [{ role: 'x' }] }),
      invalid('input.body.messages[0].role', /"user"/),
    ),
    row('an unknown model', { model: 'nope' }, { status: 404, code: 'model_not_found', param: 'model' }),
    row('an unknown priority', { priority: 'urgent' }, invalid('priority', /"interactive"/)),
    row('an unknown sensitivity', { sensitivity: 'none' }, invalid('sensitivity', /"restricted"/)),
    row('a past deadline', { deadline: '2020-01-01T00:00:00Z' }, invalid('deadline', /passed/)),
    row('a deadline of a wrong type', { deadline: true }, invalid('deadline', /RFC 3339/)),
    row('a deadline in another century', { deadline: '2199-01-01T00:00:00Z' }, invalid('deadline', /30 days/)),
    row('metadata that is a list', { metadata: [] }, invalid('metadata')),
    row('metadata of a wrong type', { metadata: { a: 1 } }, invalid('metadata.a', /string/)),
    row(
      '17 entries of metadata',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`m${index}`, ''])) },
      invalid('metadata', /16/),
    ),
    row('a webhook that is no URL', hook('not a url'), invalid('webhook.url', /URL/)),
    row('a webhook to this machine', hook('https://127.0.0.1/hook'), invalid('webhook.url', /not public/)),
    row('a webhook to a private address', hook('https://10.1.2.3/hook'), invalid('webhook.url', /not public/)),
    row(
      'a webhook to the metadata service',
      hook('https://169.254.169.254/latest'),
      invalid('webhook.url', /not public/),
    ),
    row('a webhook to a mapped address', hook('https://[::ffff:10.0.0.1]/'), invalid('webhook.url', /not public/)),
    row('a webhook over http', hook('http://example.com/hook'), invalid('webhook.url', /https/)),
    row('a webhook over ftp', hook('ftp://example.com/hook'), invalid('webhook.url', /https/)),
    row('a webhook with a password', hook('https://a:b@example.com/hook'), invalid('webhook.url', /password/)),
    row('a webhook for no events', hook('https://example.com', { events: [] }), invalid('webhook.events')),
    row(
      'a webhook for an unknown event',
      hook('https://example.com', { events: ['job.lost'] }),
      invalid('webhook.events[0]', /"job.completed"/),
    ),
    [
      'a webhook of a tenant without a secret',
      '/v1/jobs',
      { tenant: 'globex', json: { ...good, ...hook('https://example.com') } },
      invalid('webhook', /webhook_secret/),
    ],
  ])
})

describe('the id of a job', () => {
  let foreign: string
  beforeAll(async () => {
    const json = { model: 'local', input: { endpoint: chatPath, body: { messages } } }
    const response = await broker.send('/v1/jobs', { json, tenant: 'globex' })
    foreign = ((await response.json()) as { id: string }).id
  })

  it.each(['', '/events', '/cancel'])('of another tenant is as unknown as none: /v1/jobs/{id}%s', async (suffix) => {
    const method = suffix === '/cancel' ? 'POST' : 'GET'
    const path = (id: string) => `/v1/jobs/${id}${suffix}`
    const message = await expectApiError(await broker.send(path(foreign), { method }), noSuchJob)
    const unknown = `job_${'0'.repeat(32)}`
    expect(await expectApiError(await broker.send(path(unknown), { method }), noSuchJob)).toBe(message)
    // Its owner can still see it, and it was not touched.
    const own = await broker.send(`/v1/jobs/${foreign}?wait=10`, { tenant: 'globex' })
    expect(await own.json()).toMatchObject({ id: foreign, status: 'completed' })
  })

  it('of another tenant is unknown to the chat that waits on', async () => {
    await expectApiError(await broker.send(`${chatPath}/${foreign}?wait=1`), noSuchJob)
  })

  refuses([
    ['a malformed id', '/v1/jobs/not-a-job', {}, noSuchJob],
    ['an id with a path in it', '/v1/jobs/..%2F..%2Fhealth', {}, noSuchJob],
    ['an id of 5 kB', `/v1/jobs/job_${'0'.repeat(5_000)}`, {}, noSuchJob],
    ['an id with a NUL', '/v1/jobs/job_%00', {}, noSuchJob],
    ['an id with broken escapes', '/v1/jobs/%zz', {}, invalid(null)],
  ])
})

describe('a path or a query', () => {
  const events = `/v1/jobs/job_${'0'.repeat(32)}/events`
  refuses([
    ['an unknown path', '/v1/unknown', {}, noSuchPath],
    ['an unknown path outside of the API', '/nothing', { tenant: null }, noSuchPath],
    ['a slash too many', '/v1/jobs/', { json: {} }, noSuchPath],
    ['another method', '/v1/jobs', { method: 'DELETE' }, noSuchPath],
    ['a GET where a POST is due', chatPath, {}, noSuchPath],
    ['an unknown model', '/v1/models/nope', {}, { status: 404, code: 'model_not_found', param: 'id' }],
    ['a wait that is no number', `/v1/jobs/job_${'0'.repeat(32)}?wait=long`, {}, invalid('wait', /number/)],
    ['a wait of over a minute', `/v1/jobs/job_${'0'.repeat(32)}?wait=61`, {}, invalid('wait', /60/)],
    ['a negative wait', `/v1/jobs/job_${'0'.repeat(32)}?wait=-1`, {}, invalid('wait', /0/)],
    ['a limit of 0', '/v1/jobs?limit=0', {}, invalid('limit', /1/)],
    ['a limit of 1,000', '/v1/jobs?limit=1000', {}, invalid('limit', /100/)],
    ['a limit that is no number', '/v1/jobs?limit=ten', {}, invalid('limit', /limit: expected a number$/)],
    ['two limits', '/v1/jobs?limit=1&limit=2', {}, invalid('limit')],
    ['an unknown status', '/v1/jobs?status=done', {}, invalid('status', /"completed"/)],
    ['an after that is no id', '/v1/jobs?after=yesterday', {}, invalid('after', /job id/)],
    ['an unknown parameter', '/v1/jobs?page=2', {}, invalid('page', /page/)],
    ['events after no number', `${events}?after=first`, {}, invalid('after', /number/)],
    ['events after half a number', `${events}?after=1.5`, {}, invalid('after', /int/)],
  ])

  it('refuses a Last-Event-ID that is no sequence number', async () => {
    const made = await broker.send('/v1/jobs', {
      json: { model: 'local', input: { endpoint: chatPath, body: { messages } } },
    })
    const { urls } = (await made.json()) as { urls: { events: string } }
    const response = await broker.send(urls.events, { headers: { 'last-event-id': '3; drop' } })
    await expectApiError(response, invalidHeader('last-event-id', /sequence number/))
    await expectGoodChat()
  })
})

it('makes no 5xx and logs no error', async () => {
  const metrics = await (await broker.send('/metrics')).text()
  const statuses = [...metrics.matchAll(/^sluice_http_request_duration_seconds_count\{.*status="(\d+)"/gm)].map(
    ([, status]) => status,
  )
  expect(statuses.length).toBeGreaterThan(5)
  expect(statuses.filter((status) => status?.startsWith('5'))).toEqual([])
  expect(
    broker
      .logText()
      .split('\n')
      .filter((line) => line.includes('"level":"error"')),
  ).toEqual([])
})
