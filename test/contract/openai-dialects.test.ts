import { describe, expect, it } from 'vitest'
import { providerPresets } from '../../src/config/provider-presets.ts'
import { ChatAssembler } from '../../src/core/chat-assembler.ts'
import { createProvider, type ProviderDeployment } from '../../src/providers/registry.ts'
import { chatCompletion, chatCompletionChunk, embeddingList } from '../support/openai-chat.ts'
import { Seeded } from '../support/seeded.ts'
import { extrasOf, withoutExtras } from '../support/upstream-extras.ts'
import { type DialectSample, dialectSamples } from './dialect-samples.ts'
import { callOf, failureOf, patient, readStream } from './provider-harness.ts'
import { refusalSamples } from './refusal-samples.ts'
import {
  letReaderRead,
  reply,
  replyInPieces,
  type Script,
  type SeenRequest,
  startUpstream,
} from './scripted-upstream.ts'

const json = { 'content-type': 'application/json' }
const samples = Object.entries(dialectSamples)
const seeded = new Seeded('streams cut at random')

async function withProvider<Result>(
  provider: string,
  script: Script,
  use: (provider: ReturnType<typeof createProvider>, requests: readonly SeenRequest[]) => Promise<Result>,
  fields: Partial<ProviderDeployment> = {},
): Promise<Result> {
  await using upstream = await startUpstream(script)
  const created = createProvider(
    { provider, model: 'the-model', base_url: `${upstream.url}/base`, timeouts: patient, concurrency: 2, ...fields },
    providerPresets,
  )
  try {
    return await use(created, upstream.requests)
  } finally {
    await created.close()
  }
}

function usageOf({ usage }: DialectSample) {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    ...(usage.cached !== undefined && { prompt_tokens_details: { cached_tokens: usage.cached } }),
    ...(usage.reasoned !== undefined && { completion_tokens_details: { reasoning_tokens: usage.reasoned } }),
  }
}

/** The text in a few pieces, cut between any two bytes. */
function cutAtRandom(text: string, seeded: Seeded): Buffer[] {
  const bytes = Buffer.from(text)
  const places = Array.from({ length: 6 }, () => seeded.between(0, bytes.length)).sort((left, right) => left - right)
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length))
}

describe('answers of the presets', () => {
  it('are known for every preset that speaks OpenAI’s dialect', () => {
    const native = new Set(['ollama', 'anthropic', 'gemini', 'bedrock'])
    const expected = Object.entries(providerPresets).filter(([, { adapter }]) => !native.has(adapter))
    expect(samples.map(([name]) => name).sort()).toEqual(expected.map(([name]) => name).sort())
  })

  it.each(samples)(
    'of %s come through in OpenAI’s form, with all that the upstream adds, and are counted',
    async (name, sample) => {
      const body = JSON.stringify(sample.waiting)
      // DeepSeek sends blank lines while a call waits.
      await withProvider(name, replyInPieces('application/json', ['\n', '\n', body]), async (provider) => {
        const { bodyJson, usage } = await provider.complete(callOf())
        expect(chatCompletion.parse(withoutExtras(name, JSON.parse(bodyJson))).choices[0]).toMatchObject({
          message: { content: sample.text, refusal: null },
          finish_reason: 'stop',
          logprobs: null,
        })
        for (const extra of extrasOf(name))
          expect([extra, bodyJson.includes(`"${extra}":`)]).toEqual([extra, body.includes(`"${extra}":`)])
        const { cached: _cached, reasoned: _reasoned, ...sums } = sample.usage
        expect(usage?.prompt_tokens).toBe(sums.prompt)
      })
    },
  )

  it.each(samples)('of %s are read the same wherever the stream is cut', async (name, sample) => {
    const script: Script = (response, request) =>
      replyInPieces('text/event-stream', cutAtRandom(sample.stream, seeded))(response, request)
    await withProvider(name, script, async (provider) => {
      for (let round = 0; round < 12; round += 1) {
        const { jsons, text, completion, failure } = await readStream(provider.stream(callOf()))
        expect({ text, failure }).toEqual({ text: sample.text, failure: null })
        expect(completion.choices[0].finish_reason).toBe('stop')
        for (const chunk of jsons) chatCompletionChunk.parse(withoutExtras(name, JSON.parse(chunk), true))
        chatCompletion.parse(withoutExtras(name, completion))
        if (sample.reasoning) expect(completion.choices[0].message.reasoning_content).toBe(sample.reasoning)
      }
    })
  })

  it.each(samples)('of %s are cut streams if the last choice is not finished', async (name, sample) => {
    const end = sample.stream.search(/data: [^\n]{0,2000}"finish_reason":"(?:stop|eos)"/)
    await withProvider(name, replyInPieces('text/event-stream', [sample.stream.slice(0, end)]), async (provider) => {
      expect((await readStream(provider.stream(callOf()))).failure).toMatchObject({ failure: 'cut_stream' })
    })
  })
})

const presetOf: Readonly<Record<string, string>> = {
  OpenAI: 'openai',
  'LM Studio': 'lm-studio',
  'a server of FastAPI’s': 'openai-compatible',
}

describe('refusals by the presets', () => {
  it.each(refusalSamples)('of %s %i %j are %s, in whatever pieces they come', async (from, status, body, failure) => {
    const pieces = cutAtRandom(JSON.stringify(body), seeded)
    const script: Script = async (response) => {
      response.writeHead(status, json)
      for (const piece of pieces) {
        response.write(piece)
        await letReaderRead()
      }
      response.end()
    }
    const preset = presetOf[from] ?? from.toLowerCase()
    const options = preset === 'ollama' ? { isOnPremises: true } : {}
    const use = async (provider: ReturnType<typeof createProvider>) => {
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure, status })
      expect((await readStream(provider.stream(callOf()))).failure).toMatchObject({ failure, status })
    }
    await withProvider(preset, script, use, options)
  })
})

describe('the usage of a stream', () => {
  it.each(samples)('of %s is found', async (name, sample) => {
    await withProvider(name, replyInPieces('text/event-stream', [sample.stream]), async (provider) => {
      const assembler = new ChatAssembler()
      for await (const chunks of provider.stream(callOf())) for (const chunk of chunks) assembler.add(chunk)
      expect(assembler.usage).toEqual(usageOf(sample))
    })
  })
})

describe('requests to the presets', () => {
  const messages = [{ role: 'user', content: 'Hello' }]
  const developer = [{ role: 'developer', content: '"role":"developer"' }]
  const cases: readonly [string, object, object][] = [
    ['openai', { max_tokens: 5 }, { max_completion_tokens: 5 }],
    ['openai', { messages: developer }, { messages: developer }],
    ['mistral', { max_completion_tokens: 5, seed: 7 }, { max_tokens: 5, random_seed: 7 }],
    ['mistral', { max_completion_tokens: 5, max_tokens: 9 }, { max_tokens: 5 }],
    ['deepseek', { messages: developer }, { messages: [{ role: 'system', content: '"role":"developer"' }] }],
    ['vllm', { max_completion_tokens: 5 }, { max_completion_tokens: 5 }],
    ['vllm', { metadata: { role: 'developer' } }, { metadata: { role: 'developer' } }],
    ['mlx', {}, { max_tokens: 4_096 }],
    ['mlx', { max_completion_tokens: 5, temperature: null, seed: 7 }, { max_tokens: 5, seed: 7 }],
    ['groq', { max_tokens: 5, seed: 7, stop: null }, { max_tokens: 5, seed: 7, stop: null }],
  ]

  it.each(cases)('to %s turn %j into %j', async (name, fields, expected) => {
    const sample = dialectSamples[name as keyof typeof dialectSamples]
    await withProvider(name, reply(200, json, JSON.stringify(sample.waiting)), async (provider, requests) => {
      await provider.complete(callOf({ bodyJson: JSON.stringify({ messages, ...fields }) }))
      expect(JSON.parse(requests[0]?.body ?? '')).toEqual({ model: 'the-model', messages, ...expected })
    })
  })

  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"extra_content":1}' } }
  const parameters = { type: 'object', properties: { cache_control: { type: 'string' } } }
  const tool = { type: 'function', function: { name: 'f', parameters } }
  const text = { type: 'text', text: '"cache_control" and "refusal"' }
  const mark = { cache_control: { type: 'ephemeral' } }
  const said = { role: 'assistant', content: null }
  /** Answers of several upstreams, put back into the conversation as they came. */
  const conversation = {
    messages: [
      { role: 'user', content: [{ ...text, ...mark }], ...mark },
      {
        ...said,
        refusal: null,
        annotations: [],
        reasoning_content: 'Hm.',
        thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 'abc' }],
        tool_calls: [{ ...call, extra_content: { google: { thought_signature: 'abc' } } }],
      },
    ],
    tools: [{ ...tool, ...mark }],
  }
  const left = (message: object) => ({
    messages: [
      { role: 'user', content: [text] },
      { ...said, ...message, tool_calls: [call] },
    ],
    tools: [tool],
  })

  it.each([
    ['openai', left({ refusal: null, annotations: [] })],
    ['azure', left({ refusal: null, annotations: [] })],
    ['deepseek', left({ refusal: null, annotations: [], reasoning_content: 'Hm.' })],
    ['mistral', left({})],
    ['groq', left({ reasoning: 'Hm.' })],
    ['cerebras', left({ reasoning: 'Hm.' })],
    ['openrouter', conversation],
    ['litellm', conversation],
  ])('to %s leave out of a conversation what only other upstreams can read', async (name, expected) => {
    const sample = dialectSamples[name as keyof typeof dialectSamples]
    await withProvider(name, reply(200, json, JSON.stringify(sample.waiting)), async (provider, requests) => {
      await provider.complete(callOf({ bodyJson: JSON.stringify(conversation) }))
      expect(JSON.parse(requests[0]?.body ?? '')).toEqual({ model: 'the-model', ...expected })
    })
  })

  it('keep a refusal that says something', async () => {
    const refused = { messages: [{ role: 'assistant', content: null, refusal: 'I can’t.' }] }
    await withProvider(
      'groq',
      reply(200, json, JSON.stringify(dialectSamples.groq.waiting)),
      async (provider, requests) => {
        await provider.complete(callOf({ bodyJson: JSON.stringify(refused) }))
        expect(JSON.parse(requests[0]?.body ?? '')).toEqual({ model: 'the-model', ...refused })
      },
    )
  })

  it('to mlx ask for the output that the deployment allows where a request names no limit', async () => {
    const body = JSON.stringify(dialectSamples.mlx.waiting)
    const use = async (provider: ReturnType<typeof createProvider>, requests: readonly SeenRequest[]) => {
      await provider.complete(callOf())
      expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ max_tokens: 900 })
    }
    await withProvider('mlx', reply(200, json, body), use, { max_output_tokens: 900 })
  })

  it('keep every digit and sign of what is not changed', async () => {
    const bodyJson =
      '{ "seed" : 9007199254740993, "messages":[{"role":"developer","content":"\\u00e9 1e400"}] ,"x": 1.10}'
    await withProvider(
      'deepseek',
      reply(200, json, JSON.stringify(dialectSamples.deepseek.waiting)),
      async (provider, requests) => {
        await provider.complete(callOf({ bodyJson }))
        expect(requests[0]?.body).toBe(
          '{"model":"the-model","seed":9007199254740993,"messages":[{"role":"system","content":"\\u00e9 1e400"}],"x":1.10}',
        )
      },
    )
  })

  it.each([
    ['openai', true],
    ['mistral', false],
    ['perplexity', false],
    ['mlx', true],
  ])('to %s ask a stream for its usage: %s', async (name, asks) => {
    const sample = dialectSamples[name as keyof typeof dialectSamples]
    await withProvider(name, replyInPieces('text/event-stream', [sample.stream]), async (provider, requests) => {
      await readStream(provider.stream(callOf()))
      expect(requests[0]?.body.includes('stream_options')).toBe(asks)
    })
  })

  it('of mlx that fail with 404 are failures of generating, and its comments keep a call alive', async () => {
    await withProvider('mlx', reply(404, json, '{"error":"[METAL] out of memory"}'), async (provider) => {
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'server_error', status: 404 })
    })
  })
})

describe('Azure', () => {
  const answer = reply(200, json, JSON.stringify(dialectSamples.azure.waiting))
  const key = { api_key: { reveal: () => 'azure-key' } }

  it.each([
    ['', undefined, '/openai/v1/chat/completions'],
    ['/', 'v1', '/openai/v1/chat/completions'],
    ['/openai/v1/', undefined, '/openai/v1/chat/completions'],
    ['/openai', 'preview', '/openai/v1/chat/completions?api-version=preview'],
    ['', '2024-10-21', '/openai/deployments/the-model/chat/completions?api-version=2024-10-21'],
    ['/openai/v1', '2024-10-21', '/openai/deployments/the-model/chat/completions?api-version=2024-10-21'],
  ])('at "%s" in version %s is called at %s with its own header', async (base, api_version, path) => {
    await using upstream = await startUpstream(answer)
    const deployment = { model: 'the-model', timeouts: patient, concurrency: 1, api_version, ...key }
    const provider = createProvider(
      { provider: 'azure', base_url: upstream.url + base, ...deployment },
      providerPresets,
    )
    await provider.complete(callOf())
    await provider.close()
    const [request] = upstream.requests
    expect(request?.path).toBe(path)
    expect(request?.headers).toMatchObject({ 'api-key': 'azure-key' })
    expect(request?.headers).not.toHaveProperty('authorization')
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ model: 'the-model' })
  })

  it('fails by its content policy when the filter stops a stream with an error', async () => {
    const error = { error: { message: 'The response was filtered', code: 'content_filter', status: 400 } }
    const stream = `${dialectSamples.azure.stream.split('\n\n').slice(0, 3).join('\n\n')}\n\ndata: ${JSON.stringify(error)}\n\n`
    await withProvider('azure', replyInPieces('text/event-stream', [stream]), async (provider) => {
      expect((await readStream(provider.stream(callOf()))).failure).toMatchObject({ failure: 'content_policy' })
    })
  })
})

describe('embeddings of the presets', () => {
  const answer = {
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.5] }],
    model: 'e',
    usage: { prompt_tokens: 3, total_tokens: 3 },
  }
  const call = callOf({ bodyJson: '{"input":"secret text","encoding_format":"base64","dimensions":2}' })

  it('come through as they were written, where the vectors are as they were asked for', async () => {
    const body = JSON.stringify({ ...answer, data: [{ ...answer.data[0], embedding: 'AAAAPwAAAL8=' }] })
    await withProvider('openai', reply(200, json, body), async (provider, requests) => {
      expect(await provider.embed(call)).toEqual({
        bodyJson: body,
        usage: { prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 },
      })
      expect(requests[0]).toMatchObject({
        path: '/base/embeddings',
        body: '{"model":"the-model","input":"secret text","encoding_format":"base64","dimensions":2}',
      })
    })
  })

  it('are numbers or base64 as they were asked for, whatever the upstream knows', async () => {
    const encoded = { ...answer, data: [{ ...answer.data[0], embedding: 'AAAAPwAAAL8=' }] }
    for (const [written, asked, wanted] of [
      [answer, 'base64', encoded],
      [encoded, 'float', answer],
    ] as const) {
      await withProvider('vllm', reply(200, json, JSON.stringify(written)), async (provider) => {
        const bodyJson = JSON.stringify({ input: 'text', encoding_format: asked })
        const list = embeddingList.parse(JSON.parse((await provider.embed(callOf({ bodyJson }))).bodyJson))
        expect(list).toEqual(wanted)
      })
    }
  })

  it.each(['groq', 'deepseek', 'cerebras', 'perplexity', 'mlx', 'xai'])(
    'are refused without a call by %s',
    async (name) => {
      await withProvider(name, reply(200, json, JSON.stringify(answer)), async (provider, requests) => {
        expect(await failureOf(provider.embed(call))).toMatchObject({ failure: 'unsupported', status: null })
        expect(requests).toEqual([])
      })
    },
  )

  it.each([
    ['no list', 200, '{"object":"list"}', 'invalid_response'],
    ['an empty list', 200, '{"object":"list","data":[]}', 'invalid_response'],
    ['vectors that are none', 200, '{"data":[{"embedding":["secret"]}]}', 'invalid_response'],
    ['no JSON', 200, '<html>secret', 'invalid_response'],
    ['an error under 200', 200, '{"error":{"message":"secret","code":429}}', 'rate_limited'],
    ['a refusal', 400, '{"error":{"message":"maximum context length is 8192 tokens, secret"}}', 'context_too_long'],
  ])('fail for %s and never quote it', async (_what, status, body, failure) => {
    await withProvider('openai', reply(status, json, body), async (provider) => {
      const error = await failureOf(provider.embed(call))
      expect(error).toMatchObject({ failure })
      expect(error.message).not.toContain('secret')
    })
  })
})
