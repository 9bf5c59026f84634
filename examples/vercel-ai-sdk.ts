/**
 * Asks about a log with Vercel's AI SDK: first figures, as an object that is checked against a schema, then a question,
 * answered word by word. Models that call tools may count lines of the whole file on the way.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/vercel-ai-sdk.ts examples/logs/courier.log
 *
 * The question may follow the file. `MODEL` is a model of Sluice, `sandbox` unless given: it summarises logs, knows this
 * schema only, and calls no tools. Answers go to stdout, everything else to stderr.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, isStepCount, Output, streamText, tool } from 'ai'
import { z } from 'zod'

process.on('uncaughtException', (error) => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) console.error(cause.message)
  process.exit(1)
})

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const [file, question = 'What went wrong, when, and how often?'] = process.argv.slice(2)
if (!SLUICE_API_KEY) throw new Error('SLUICE_API_KEY is not set')
if (!file) throw new Error('which log file?')
const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
const log = lines.slice(-200).join('\n')

const run = randomUUID()
const sluice = createOpenAICompatible({
  name: 'sluice',
  baseURL: `${SLUICE_URL}/v1`,
  apiKey: SLUICE_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
  // With a key, what the SDK sends again after an error is the same job, not a second one to pay for. A key is good for
  // one request, and each step of a tool loop is another one: so it is made from the body, not set in `headers`.
  fetch: (url, init) => {
    const headers = new Headers(init?.headers)
    headers.set('Idempotency-Key', createHash('sha256').update(`${run} ${init?.body}`).digest('hex'))
    return fetch(url, { ...init, headers })
  },
})

const { output: figures, response } = await generateText({
  model: sluice(MODEL),
  instructions: 'The user sends a log. Count its lines, by severity and by what they say.',
  prompt: log,
  output: Output.object({
    schema: z.object({
      lines: z.int(),
      severities: z.object({ fatal: z.int(), error: z.int(), warn: z.int(), info: z.int(), debug: z.int() }),
      templates: z.array(z.object({ template: z.string(), count: z.int(), severity: z.string() })),
    }),
  }),
})
console.log(JSON.stringify(figures.severities))
for (const { count, severity, template } of figures.templates.slice(0, 5))
  console.log(count, severity, template.slice(0, 100))
report(response.headers)

const countLines = tool({
  description: 'How many lines of the whole log contain a text, and the first of them.',
  inputSchema: z.object({ text: z.string() }),
  execute: ({ text }) => {
    const found = lines.filter((line) => line.includes(text))
    return { count: found.length, first: found.slice(0, 3) }
  },
})
const { stream } = streamText({
  model: sluice(MODEL),
  prompt: `${question}\nThese are the last lines of a log of ${lines.length}.\n\n${log}`,
  tools: { countLines },
  stopWhen: isStepCount(5),
  onStepEnd: (step) => report(step.response.headers),
  // Errors arrive in the stream, below; without this the SDK would print them a second time.
  onError: () => {},
})
console.log()
for await (const part of stream) {
  if (part.type === 'text-delta') process.stdout.write(part.text)
  if (part.type === 'tool-call') console.error(`${part.toolName} ${JSON.stringify(part.input)}`)
  if (part.type === 'error') throw part.error
}
console.log()

/** Each call is a job. Of a stream only its id is known when the headers go out. */
function report(headers: Record<string, string> = {}): void {
  const sent = ['job-id', 'deployment', 'attempts', 'cost-usd'].map((name) => headers[`x-sluice-${name}`])
  console.error(sent.filter(Boolean).join('  '))
}
