import OpenAI, { AzureOpenAI } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import { createProvider } from '../../src/providers/registry.ts'
import { dialectSamples } from './dialect-samples.ts'
import { startFakeOpenAi } from './fake-openai.ts'
import { callOf, failureOf, patient, readStream } from './provider-harness.ts'
import type { ScriptedUpstream } from './scripted-upstream.ts'

/** What the adapters are tested against must be right itself: OpenAI's own client takes it for OpenAI. */
let fake: ScriptedUpstream
let client: OpenAI
beforeAll(async () => {
  fake = await startFakeOpenAi()
  client = new OpenAI({ baseURL: `${fake.url}/v1`, apiKey: 'sk-test', maxRetries: 0 })
})
afterAll(async () => {
  await fake[Symbol.asyncDispose]()
})

const messages = [{ role: 'user' as const, content: 'Hello' }]
const samples = Object.entries(dialectSamples)
const calls = [
  ['get_weather', { city: 'Zürich' }],
  ['get_time', { zone: 'CET' }],
]

describe('OpenAI’s client', () => {
  it.each(samples)('reads the waiting answer of %s', async (model, sample) => {
    const completion = await client.chat.completions.create({ model, messages })
    expect(completion.choices[0]?.message.content).toBe(sample.text)
    expect(completion.choices[0]?.finish_reason).toBeTruthy()
    expect(completion.usage?.prompt_tokens).toBe(sample.usage.prompt)
  })

  it.each(samples)('reads the stream of %s, and puts it together', async (model, sample) => {
    const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } })
    const completion = await stream.finalChatCompletion()
    expect(completion.choices[0]?.message.content).toBe(sample.text)
    expect(completion.choices[0]?.finish_reason).toBe(sample.finish)
  })

  it('reads calls of tools, waiting and streaming', async () => {
    const waiting = await client.chat.completions.create({ model: 'tools', messages })
    const streamed = await client.chat.completions.stream({ model: 'tools', messages }).finalChatCompletion()
    for (const { choices } of [waiting, streamed]) {
      const made = choices[0]?.message.tool_calls?.map((call) =>
        call.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : null,
      )
      expect(made).toEqual(calls)
      expect(choices[0]?.finish_reason).toBe('tool_calls')
    }
  })

  it('parses an answer that follows a schema', async () => {
    const completion = await client.chat.completions.parse({
      model: 'structured',
      messages,
      response_format: { type: 'json_schema', json_schema: { name: 'trip', strict: true, schema: { type: 'object' } } },
    })
    expect(JSON.parse(completion.choices[0]?.message.content ?? '')).toEqual({ city: 'Zürich', days: 3 })
  })

  it('reads embeddings, as base64 and as numbers', async () => {
    const base64 = await client.embeddings.create({ model: 'e', input: ['a', 'b'] })
    const numbers = await client.embeddings.create({ model: 'e', input: ['a', 'b'], encoding_format: 'float' })
    for (const { data, usage } of [base64, numbers]) {
      expect(data.map(({ embedding }) => embedding)).toEqual([
        [0.5, -0.25],
        [1, 0],
      ])
      expect(usage.prompt_tokens).toBe(4)
    }
  })

  it.each([
    [400, 'context_length_exceeded', OpenAI.BadRequestError],
    [401, 'invalid_api_key', OpenAI.AuthenticationError],
    [403, 'unsupported_country_region_territory', OpenAI.PermissionDeniedError],
    [404, 'model_not_found', OpenAI.NotFoundError],
    [409, 'conflict', OpenAI.ConflictError],
    [422, 'unprocessable', OpenAI.UnprocessableEntityError],
    [429, 'rate_limit_exceeded', OpenAI.RateLimitError],
    [429, 'insufficient_quota', OpenAI.RateLimitError],
    [503, 'server_error', OpenAI.InternalServerError],
  ])('makes of a %i with %s its own error', async (status, code, kind) => {
    const failing = client.chat.completions.create({ model: `refuses ${status} ${code}`, messages })
    await expect(failing).rejects.toThrow(kind)
    await expect(failing).rejects.toMatchObject({ status, code, requestID: 'req_1' })
    const embedding = client.embeddings.create({ model: `refuses ${status} ${code}`, input: 'a' })
    await expect(embedding).rejects.toThrow(kind)
  })

  it('makes an error of one in the middle of a stream', async () => {
    const stream = await client.chat.completions.create({ model: 'breaks off', messages, stream: true })
    await expect(Array.fromAsync(stream)).rejects.toThrow(OpenAI.APIError)
  })
})

describe('our adapter and OpenAI’s client', () => {
  const startAdapter = (provider: 'openai' | 'azure', model: string, base_url: string, api_version?: string) =>
    createProvider(
      {
        provider,
        model,
        base_url,
        api_version,
        timeouts: patient,
        concurrency: 1,
        api_key: { reveal: () => 'sk-test' },
      },
      providerPresets,
    )

  it('call the same paths with the same key and the same body', async () => {
    const provider = startAdapter('openai', 'plain', `${fake.url}/v1`)
    const before = fake.requests.length
    await provider.complete(callOf())
    await readStream(provider.stream(callOf()))
    await provider.embed(callOf({ bodyJson: '{"input":"a","encoding_format":"base64"}' }))
    await client.chat.completions.create({ model: 'plain', messages })
    const options = { include_usage: true }
    const stream = await client.chat.completions.create({
      model: 'plain',
      messages,
      stream: true,
      stream_options: options,
    })
    await Array.fromAsync(stream)
    await client.embeddings.create({ model: 'plain', input: 'a' })
    await provider.close()
    const [ours, theirs] = [fake.requests.slice(before, before + 3), fake.requests.slice(before + 3)]
    const facts = ({ path, headers, body }: (typeof ours)[number]) => ({
      path,
      key: headers.authorization,
      type: headers['content-type'],
      body: JSON.parse(body),
    })
    expect(ours.map(facts)).toEqual(theirs.map(facts))
  })

  it('call the same paths of Azure with the same key', async () => {
    const azure = new AzureOpenAI({
      endpoint: fake.url,
      apiKey: 'sk-test',
      apiVersion: '2024-10-21',
      deployment: 'azure',
      maxRetries: 0,
    })
    const provider = startAdapter('azure', 'azure', fake.url, '2024-10-21')
    const before = fake.requests.length
    await provider.complete(callOf())
    await provider.embed(callOf({ bodyJson: '{"input":"a"}' }))
    await azure.chat.completions.create({ model: 'azure', messages })
    await azure.embeddings.create({ model: 'azure', input: 'a' })
    await provider.close()
    const facts = fake.requests.slice(before).map(({ path, headers }) => [path, headers['api-key']])
    expect(facts.slice(0, 2)).toEqual(facts.slice(2))
  })

  it('take the same refusals for what they are', async () => {
    for (const [status, code, failure] of [
      [400, 'context_length_exceeded', 'context_too_long'],
      [400, 'content_policy_violation', 'content_policy'],
      [401, 'invalid_api_key', 'auth'],
      [404, 'model_not_found', 'model_not_found'],
      [429, 'rate_limit_exceeded', 'rate_limited'],
      [429, 'insufficient_quota', 'quota_exhausted'],
      [503, 'server_error', 'overloaded'],
    ] as const) {
      const provider = startAdapter('openai', `refuses ${status} ${code}`, `${fake.url}/v1`)
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure, status })
      await provider.close()
    }
  })
})
