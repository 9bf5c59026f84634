/**
 * Asks for something that takes long, with OpenAI's own SDK: a response in the background, whose stream is read for as
 * long as somebody is there. End this with Ctrl-C, lose the network, come back in the morning: the id goes on.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/openai-background.ts examples/logs/api.log
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/openai-background.ts resp_…
 *
 * `MODEL` is a model of Sluice, `sandbox` unless given. The answer goes to stdout, everything else to stderr.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'

process.on('uncaughtException', (error) => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) console.error(cause.message)
  process.exit(1)
})

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const [what] = process.argv.slice(2)
// Without one the SDK would send the key in OPENAI_API_KEY.
if (!SLUICE_API_KEY) throw new Error('SLUICE_API_KEY is not set')
if (!what) throw new Error('which log file, or which response?')
const retryMs = 1_000
const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_API_KEY })

const id = what.startsWith('resp_') ? what : await ask(what)
const { status, usage, error } = await follow(id)
console.error(`${status}: ${error?.message ?? `${usage?.total_tokens} tokens`}`)
process.exitCode = status === 'completed' ? 0 : 1

/** The id of a response that goes on without us. */
async function ask(file: string): Promise<string> {
  const log = (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-200).join('\n')
  // As a stream, so that the model is asked for one; we leave it at once and come back by its id, as after a break.
  const request = { model: MODEL, input: log, background: true, stream: true } as const
  for await (const event of await client.responses.create(request)) {
    if (event.type !== 'response.created') continue
    console.error(`to come back to it: node examples/openai-background.ts ${event.response.id}`)
    return event.response.id
  }
  throw new Error('the stream ended before it began')
}

/** Writes the text of a response as it comes. After a break it goes on where it was: no word is lost, none comes twice. */
async function follow(id: string): Promise<OpenAI.Responses.Response> {
  // The answer is kept for a day, its events only for an hour.
  const response = await client.responses.retrieve(id)
  if (hasEnded(response)) {
    console.log(response.output_text)
    return response
  }
  for (let seen = -1; ; await sleep(retryMs)) {
    try {
      for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: seen })) {
        seen = event.sequence_number
        if (event.type === 'response.output_text.delta') process.stdout.write(event.delta)
        if (event.type === 'response.output_text.done') console.log()
        if ('response' in event && hasEnded(event.response)) return event.response
      }
    } catch (error) {
      if (error instanceof OpenAI.NotFoundError) throw error
      // A response that failed says so in its stream, and the SDK throws that, as it throws when a connection breaks.
      const response = await client.responses.retrieve(id).catch(() => null)
      if (response?.status === 'failed' || response?.status === 'cancelled') return response
      console.error(`\nbroken off after event ${seen}: ${error instanceof Error ? error.message : error}`)
    }
  }
}

function hasEnded({ status }: OpenAI.Responses.Response): boolean {
  return status !== 'queued' && status !== 'in_progress'
}
