/**
 * Summarises a log of any length with LangChain.js, by map and reduce: every piece of the log is a call, many at a time,
 * and what they found becomes one report, streamed.
 *
 *     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… node examples/langchain.ts examples/logs/api.log
 *
 * `MODEL` is a model of Sluice, `sandbox` unless given, which counts exactly and knows this schema only; a language model
 * follows any schema, and counts roughly. The report goes to stdout, everything else to stderr.
 */
import { readFile } from 'node:fs/promises'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatPromptTemplate } from '@langchain/core/prompts'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'

process.on('uncaughtException', (error) => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) console.error(cause.message)
  process.exit(1)
})

const { SLUICE_URL = 'http://127.0.0.1:4000', SLUICE_API_KEY, MODEL = 'sandbox' } = process.env
const [file] = process.argv.slice(2)
if (!SLUICE_API_KEY) throw new Error('SLUICE_API_KEY is not set')
if (!file) throw new Error('which log file?')
const linesPerPiece = 100
const atOnce = 16
const eventsShown = 20

// Sluice tries again by itself, elsewhere if need be; what is left to the client is a connection that breaks.
const settings = {
  model: MODEL,
  apiKey: SLUICE_API_KEY,
  maxRetries: 2,
  configuration: { baseURL: `${SLUICE_URL}/v1` },
}
// Nobody waits for a single piece: with priority `batch` they go behind the chats of others.
const patientModel = new ChatOpenAI({ ...settings, service_tier: 'flex' })
const model = new ChatOpenAI(settings)

const findings = z.object({
  lines: z.int().describe('How many lines there are.'),
  templates: z.array(
    z.object({
      template: z.string().describe('What the lines say, with <*> for what differs.'),
      count: z.int(),
      severity: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'none']),
    }),
  ),
})
type Findings = z.infer<typeof findings>

const map = ChatPromptTemplate.fromMessages([
  ['system', 'The user sends a piece of a log. Count its lines by what they say.'],
  ['human', '{piece}'],
]).pipe(patientModel.withStructuredOutput(findings, { name: 'findings', method: 'jsonSchema' }))

const reduce = ChatPromptTemplate.fromMessages([
  ['system', 'These are the messages of a log, and how often each came. Tell the engineer on call what happened.'],
  ['human', '{events}'],
])
  .pipe(model)
  .pipe(new StringOutputParser())

const pieces = cut((await readFile(file, 'utf8')).trimEnd().split('\n'))
console.error(`${pieces.length} pieces, ${atOnce} at a time`)
const found = await map.batch(
  pieces.map((piece) => ({ piece })),
  { maxConcurrency: atOnce },
)
const lines = found.reduce((sum, piece) => sum + piece.lines, 0)
const events = merge(found)
const mostFrequent = events.slice(0, eventsShown).join('\n')
console.error(`${lines} lines, ${events.length} different events`)
console.log(`${mostFrequent}\n`)
for await (const text of await reduce.stream({ events: mostFrequent })) {
  process.stdout.write(text)
}
console.log()

function cut(lines: readonly string[]): string[] {
  const starts = Array.from({ length: Math.ceil(lines.length / linesPerPiece) }, (_, index) => index * linesPerPiece)
  return starts.map((start) => lines.slice(start, start + linesPerPiece).join('\n'))
}

/** Adds up what pieces have in common, the most frequent first: sums are for code, words for the model. */
function merge(pieces: readonly Findings[]): string[] {
  const counts = new Map<string, number>()
  for (const { severity, template, count } of pieces.flatMap(({ templates }) => templates)) {
    const event = `${severity}: ${template}`
    counts.set(event, (counts.get(event) ?? 0) + count)
  }
  return [...counts].sort(([, left], [, right]) => right - left).map(([event, count]) => `${event} × ${count}`)
}
