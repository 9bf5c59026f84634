import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import { type BedrockCredentials, bedrockUrl, createBedrockProvider } from '../../src/providers/bedrock.ts'
import { createProvider } from '../../src/providers/registry.ts'
import {
  conversation,
  expectRefused,
  hello,
  refusesWhatNobodyCan,
  requestsFor,
  schema,
  weather,
} from './model-requests.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, type SeenRequest, startUpstream } from './scripted-upstream.ts'

const answer = readFileSync(new URL('../fixtures/bedrock/waiting.json', import.meta.url), 'utf8')
const claude = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
const startFor =
  (model: string): StartProvider =>
  ({ url, timeouts }) =>
    createBedrockProvider({
      baseUrl: url,
      region: 'eu-central-1',
      model,
      timeouts,
      connections: 2,
      apiKey: () => 'key',
    })
const start = startFor(claude)
const nova = startFor('amazon.nova-pro-v1:0')
const messages = [{ role: 'user', content: [{ text: 'Hello' }] }]
const toolConfig = {
  tools: [{ toolSpec: { name: 'get_weather', inputSchema: { json: weather.function.parameters } } }],
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('bedrock: requests', () => {
  it('turn a conversation into messages, waiting and streaming alike', async () => {
    const { waiting, streaming } = await requestsFor(start, { messages: conversation, tools: [weather] }, answer)
    expect(waiting?.path).toBe('/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse')
    expect(waiting?.body).toEqual({
      system: [{ text: 'Be brief.' }, { cachePoint: { type: 'default' } }, { text: 'Answer in French.' }],
      messages: [
        {
          role: 'user',
          content: [
            { text: 'Read this.' },
            { image: { format: 'png', source: { bytes: 'iVBORw0KGgo=' } } },
            { document: { format: 'pdf', name: 'a', source: { bytes: 'JVBERi0=' } } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'Hm.', signature: 'signed' } } },
            { reasoningContent: { redactedContent: 'hidden' } },
            { toolUse: { toolUseId: 'call_1', name: 'get_weather', input: { city: 'Zürich' } } },
            { toolUse: { toolUseId: 'call_2', name: 'get_weather', input: { city: 'Bern' } } },
          ],
        },
        {
          role: 'user',
          content: [
            { toolResult: { toolUseId: 'call_1', content: [{ text: '21 °C' }] } },
            { toolResult: { toolUseId: 'call_2', content: [{ text: '19 °C' }] } },
          ],
        },
        { role: 'assistant', content: [{ text: 'Warm.' }] },
        { role: 'user', content: [{ text: 'Thanks' }] },
      ],
      additionalModelResponseFieldPaths: ['/delta/stop_sequence'],
      toolConfig,
    })
    expect(streaming?.path).toBe('/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream')
    expect(streaming?.body).toEqual(waiting?.body)
  })

  it.each([
    [{ temperature: 0.2, top_p: 0.9 }, { inferenceConfig: { temperature: 0.2, topP: 0.9 } }],
    [
      { stop: 'END', max_completion_tokens: 20, max_tokens: 10 },
      { inferenceConfig: { stopSequences: ['END'], maxTokens: 20 } },
    ],
    [{ frequency_penalty: 0, user: 'u', metadata: { a: 'b' }, store: true }, {}],
  ])('turn %j into %j', async (fields, expected) => {
    const { waiting } = await requestsFor(nova, { messages: hello, ...fields }, answer)
    expect(waiting?.body).toEqual({ system: [], messages, ...expected })
  })

  it.each([
    [{ top_k: 5, temperature: 1, top_p: 1 }, { top_k: 5 }],
    [{ reasoning_effort: 'high', max_tokens: 8_000 }, { thinking: { type: 'enabled', budget_tokens: 6_400 } }],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } },
      { output_config: { format: { type: 'json_schema', schema } } },
    ],
    [
      { tools: [weather], tool_choice: 'required', parallel_tool_calls: false },
      { tool_choice: { type: 'any', disable_parallel_tool_use: true } },
    ],
  ])('turn %j into the fields of Claude %j', async (fields, expected) => {
    const { waiting } = await requestsFor(start, { messages: hello, ...fields }, answer)
    expect(waiting?.body.additionalModelRequestFields).toEqual(expected)
    if ('max_tokens' in fields) expect(waiting?.body.inferenceConfig).toEqual({ maxTokens: fields.max_tokens })
  })

  it.each([
    ['auto', { ...toolConfig, toolChoice: { auto: {} } }],
    ['none', undefined],
    ['required', { ...toolConfig, toolChoice: { any: {} } }],
    [
      { type: 'function', function: { name: 'get_weather' } },
      { ...toolConfig, toolChoice: { tool: { name: 'get_weather' } } },
    ],
  ])('turn the tool choice %j into %j', async (tool_choice, expected) => {
    const { waiting } = await requestsFor(start, { messages: hello, tools: [weather], tool_choice }, answer)
    expect(waiting?.body.toolConfig).toEqual(expected)
  })

  it('ask a model without a form for JSON to call a tool, and answer with what it was called with', async () => {
    const call = { toolUse: { toolUseId: 't', name: 'json', input: { n: 1 } } }
    const called = JSON.stringify({
      ...JSON.parse(answer),
      stopReason: 'tool_use',
      output: { message: { role: 'assistant', content: [call] } },
    })
    const response_format = { type: 'json_schema', json_schema: { name: 'n', schema } }
    const { waiting, completion } = await requestsFor(nova, { messages: hello, response_format }, called)
    expect(waiting?.body.toolConfig.toolChoice).toEqual({ any: {} })
    expect(completion.choices[0]).toMatchObject({ message: { content: '{"n":1}' }, finish_reason: 'stop' })
  })

  refusesWhatNobodyCan(start, 'Bedrock')

  it.each([
    [{ seed: 7 }, 'seed'],
    [{ logprobs: true }, 'logprobs'],
    [{ frequency_penalty: 1 }, 'frequency_penalty'],
    [{ temperature: 0.2, top_p: 0.5 }, 'top_p'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ reasoning_effort: 'high', max_tokens: 100 }, 'reasoning_effort with so few max_tokens'],
    [{ messages: conversation }, 'messages with tool calls without tools'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }] }] },
      'messages.0.content.0.image_url.url',
    ],
  ])('refuse %j by name, without a call', async (fields, field) => {
    await expectRefused(start, 'Bedrock', fields, field)
  })

  it.each([
    [{ top_k: 5 }, 'top_k'],
    [{ tools: [weather], parallel_tool_calls: false }, 'parallel_tool_calls'],
    [{ reasoning_effort: 'high' }, 'reasoning_effort'],
  ])('refuse %j for a model that is not Claude', async (fields, field) => {
    await expectRefused(nova, 'Bedrock', fields, field)
  })
})

/** Signature Version 4 as AWS documents it, over the headers that the request says are signed. */
function signatureOf({ path, headers, body }: SeenRequest, { secretAccessKey }: BedrockCredentials): string {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const parts = /Credential=[^/]+\/(?<scope>[^,]+), ?SignedHeaders=(?<names>[^,]+)/.exec(String(headers.authorization))
  const { scope = '', names = '' } = parts?.groups ?? {}
  // Each segment of the path is encoded once more than on the wire.
  const canonicalPath = path.split('/').map(encodeURIComponent).join('/')
  const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const canonical = ['POST', canonicalPath, '', lines.join(''), names, hash(body)].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`)
  return hmac(key, toSign).toString('hex')
}

describe('bedrock: keys', () => {
  const keys: BedrockCredentials[] = [
    { accessKeyId: 'AKIDEXAMPLE1', secretAccessKey: 'first secret' },
    { accessKeyId: 'AKIDEXAMPLE2', secretAccessKey: 'second secret', sessionToken: 'session' },
  ]

  it('sign each call with the credentials as they are now, whatever the environment says', async () => {
    vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', 'from the environment')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'from the environment')
    vi.stubEnv('AWS_SESSION_TOKEN', 'from the environment')
    await using upstream = await startUpstream(reply(200, { 'content-type': 'application/json' }, answer))
    const left = [...keys]
    const provider = createBedrockProvider({
      baseUrl: upstream.url,
      region: 'eu-central-1',
      model: claude,
      timeouts: patient,
      connections: 1,
      credentials: () => left.shift() ?? { accessKeyId: '', secretAccessKey: '' },
    })
    await provider.complete(callOf({ headers: { traceparent: '00-1-2-01' } }))
    await readStream(provider.stream(callOf()))
    await provider.close()
    expect(left).toEqual([])
    for (const [index, request] of upstream.requests.entries()) {
      const key = keys[index]
      if (key === undefined) throw new Error('too many requests')
      const { authorization } = request.headers
      expect(authorization).toContain(`Credential=${key.accessKeyId}/`)
      expect(authorization).toContain('/eu-central-1/bedrock/aws4_request')
      expect(authorization).toContain(`Signature=${signatureOf(request, key)}`)
      expect(request.headers['x-amz-security-token']).toBe(key.sessionToken)
    }
    expect(upstream.requests[0]?.headers).toMatchObject({ traceparent: '00-1-2-01', 'user-agent': 'sluice' })
  })

  it('come from the configuration, as does the region', async () => {
    await using upstream = await startUpstream(reply(200, { 'content-type': 'application/json' }, answer))
    const secret = (text: string) => ({ reveal: () => text })
    const deployment = { provider: 'bedrock', model: claude, timeouts: patient, concurrency: 1 }
    const aws = {
      region: 'eu-west-1',
      access_key_id: secret('AKIDEXAMPLE2'),
      secret_access_key: secret('second secret'),
      session_token: secret('session'),
    }
    const provider = createProvider({ ...deployment, aws, base_url: upstream.url }, providerPresets)
    await provider.complete(callOf())
    await provider.close()
    const [request] = upstream.requests
    if (request === undefined) throw new Error('no request')
    expect(request.headers.authorization).toContain('/eu-west-1/bedrock/aws4_request')
    expect(request.headers.authorization).toContain(
      signatureOf(request, keys[1] ?? { accessKeyId: '', secretAccessKey: '' }),
    )
    expect(() => createProvider({ ...deployment, base_url: upstream.url }, providerPresets)).toThrow('needs aws.region')
  })

  it('are used where the region has its endpoint', () => {
    expect(bedrockUrl('eu-central-1')).toBe('https://bedrock-runtime.eu-central-1.amazonaws.com')
    expect(bedrockUrl('cn-north-1')).toBe('https://bedrock-runtime.cn-north-1.amazonaws.com.cn')
  })

  it('are at fault where they cannot be read, before any call', async () => {
    await using upstream = await startUpstream(reply(200, {}, answer))
    const options = { baseUrl: upstream.url, region: 'eu-central-1', model: claude, timeouts: patient, connections: 1 }
    const unreadable = () => {
      throw new Error('no such file')
    }
    for (const keys of [{}, { credentials: unreadable }, { apiKey: unreadable }]) {
      const provider = createBedrockProvider({ ...options, ...keys })
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'auth', status: null })
      await provider.close()
    }
    expect(upstream.requests).toHaveLength(0)
  })
})
