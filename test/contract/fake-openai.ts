import { readFileSync } from 'node:fs'
import { dialectSamples } from './dialect-samples.ts'
import { openAiError } from './refusal-samples.ts'
import { richAnswers } from './rich-answers.ts'
import { replyInPieces, type Script, type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'

export function openAiFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/openai/${name}`, import.meta.url), 'utf8')
}

interface AskedFor {
  readonly model?: string
  readonly stream?: boolean
  readonly encoding_format?: string
}

/** The answer of each kind of model that the fake has besides the samples of the presets. */
const kinds: Readonly<Record<string, { readonly waiting: string; readonly stream: string }>> = {
  ...richAnswers,
  plain: { waiting: openAiFixture('waiting.json'), stream: openAiFixture('stream.sse') },
  tools: { waiting: openAiFixture('waiting-tool-calls.json'), stream: openAiFixture('stream-tool-calls.sse') },
  structured: { waiting: structuredAnswer(), stream: '' },
  'breaks off': {
    waiting: '',
    stream: `${openAiFixture('stream.sse').split('\n\n').slice(0, 3).join('\n\n')}\n\ndata: ${JSON.stringify(openAiError('boom', 'server_error'))}\n\n`,
  },
}

/**
 * An upstream as OpenAI's clients know it, that answers with what the tests of the adapters are fed with. The model that
 * is asked for says what it does: the name of a preset, one of the kinds above, or `refuses STATUS CODE`.
 */
export function startFakeOpenAi(): Promise<ScriptedUpstream> {
  return startUpstream((response, request) => {
    const asked = JSON.parse(request.body) as AskedFor
    return scriptOf(request.path, asked)(response, request)
  })
}

function scriptOf(path: string, { model = '', stream, encoding_format }: AskedFor): Script {
  const refusal = /^refuses (\d+) (\w+)$/.exec(model)
  if (refusal) return sendJson(Number(refusal[1]), JSON.stringify(openAiError('Refused.', refusal[2] ?? null)))
  if (path.includes('/embeddings')) return sendJson(200, JSON.stringify(embeddings(encoding_format === 'base64')))
  const sample = Object.hasOwn(dialectSamples, model) ? dialectSamples[model as keyof typeof dialectSamples] : null
  const kind = sample ? { waiting: JSON.stringify(sample.waiting), stream: sample.stream } : kinds[model]
  if (!kind) return sendJson(404, JSON.stringify(openAiError('The model does not exist.', 'model_not_found')))
  return stream ? replyInPieces('text/event-stream', kind.stream.split(/(?<=\n\n)/)) : sendJson(200, kind.waiting)
}

function sendJson(status: number, body: string): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1' }).end(body)
  }
}

function structuredAnswer(): string {
  const answer = JSON.parse(openAiFixture('waiting.json'))
  answer.choices[0].message.content = '{"city":"Zürich","days":3}'
  return JSON.stringify(answer)
}

function embeddings(isBase64: boolean) {
  const vectors = [
    [0.5, -0.25],
    [1, 0],
  ]
  const toBase64 = (vector: number[]) => Buffer.from(new Float32Array(vector).buffer).toString('base64')
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: isBase64 ? toBase64(vector) : vector,
    })),
    model: 'text-embedding-3-small',
    usage: { prompt_tokens: 4, total_tokens: 4 },
  }
}
