import { readFileSync } from 'node:fs'
import { replyInPieces, type Script } from './scripted-upstream.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/anthropic/${name}`, import.meta.url), 'utf8')
}

const kindOf: Readonly<Record<string, string>> = { plain: '', thinking: '-thinking', tools: '-tool-calls' }

/** Anthropic's Messages API. What is asked says what it does: the last word of the model's name is a kind above. */
export const fakeAnthropic: Script = (response, request) => {
  const { model, stream } = JSON.parse(request.body) as { model: string; stream?: boolean }
  const kind = kindOf[model.split('-').at(-1) ?? '']
  if (kind === undefined) {
    const error = { type: 'error', error: { type: 'not_found_error', message: 'There is no such model.' } }
    return void response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(error))
  }
  if (stream)
    return replyInPieces('text/event-stream', fixture(`stream${kind}.sse`).split(/(?<=\n\n)/))(response, request)
  response.writeHead(200, { 'content-type': 'application/json' }).end(fixture(`waiting${kind}.json`))
}
