import { readFileSync } from 'node:fs'
import { replyInPieces, type Script } from './scripted-upstream.ts'

function ollamaFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/ollama/${name}`, import.meta.url), 'utf8')
}

const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [{ token: 'Ho', logprob: -2 }] }
const likely = { model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: 'Hi' } }
const errorLine = '{"error":"model runner has unexpectedly stopped"}\n'

/** What each model of the fake says, as the tests of the adapter are fed with it. */
const kinds: Readonly<Record<string, { readonly waiting: string; readonly stream: string }>> = {
  plain: { waiting: ollamaFixture('waiting.json'), stream: ollamaFixture('stream.ndjson') },
  thinking: { waiting: ollamaFixture('waiting-thinking.json'), stream: ollamaFixture('stream-thinking.ndjson') },
  tools: { waiting: ollamaFixture('waiting-tool-calls.json'), stream: ollamaFixture('stream-tool-calls.ndjson') },
  likely: {
    waiting: JSON.stringify({ ...likely, logprobs: [token], done: true }),
    stream: `${JSON.stringify({ ...likely, logprobs: [token], done: false })}\n${JSON.stringify({ ...likely, message: { role: 'assistant', content: '' }, done: true, prompt_eval_count: 3, eval_count: 1 })}\n`,
  },
  'breaks off': {
    waiting: '',
    stream: `${ollamaFixture('stream.ndjson').split('\n').slice(0, 2).join('\n')}\n${errorLine}`,
  },
}

export const ollamaVectors = [
  [0.5, -0.25],
  [1, 0],
]

/** A server as Ollama's client knows it. The model that is asked for says what it does: a kind above, or `busy`. */
export const fakeOllama: Script = (response, request) => {
  if (request.method !== 'POST') return void response.writeHead(404).end()
  const { model, stream } = JSON.parse(request.body) as { model: string; stream?: boolean }
  const send = (status: number, body: string) =>
    void response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body)
  if (model === 'busy') return send(503, ollamaFixture('error-503.json'))
  if (request.path === '/api/embed') {
    return send(200, JSON.stringify({ model, embeddings: ollamaVectors, prompt_eval_count: 4 }))
  }
  const kind = kinds[model]
  if (!kind) return send(404, ollamaFixture('error-404.json'))
  if (stream === false) return send(200, kind.waiting)
  return replyInPieces('application/x-ndjson', kind.stream.split(/(?<=\n)/))(response, request)
}
