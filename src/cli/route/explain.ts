import { readFile } from 'node:fs/promises'
import { text as readText } from 'node:stream/consumers'
import { z } from 'zod'
import { readAdminConnection, sendAdmin } from '../client/admin-client.ts'
import { UsageError } from '../client/failures.ts'
import { printLine } from '../client/run-command.ts'
import { formatTable } from '../client/table.ts'
import type { RouteFlags } from '../route.ts'

const speed = z.object({ first_token_ms: z.number(), tokens_per_second: z.number() })

const answerSchema = z.looseObject({
  model: z.string(),
  sensitivity: z.string(),
  sensitivity_reason: z.string(),
  needs: z.array(z.string()),
  prompt_tokens: z.number().nullable(),
  rules: z.record(z.string(), z.number()),
  deployments: z.array(
    z.looseObject({
      deployment: z.string(),
      model: z.string(),
      pool: z.string(),
      after: z.string().nullable(),
      standing: z.string(),
      note: z.string().nullable(),
      estimated_cost_usd: z.number(),
      load: z.number(),
      speed: speed.nullable(),
    }),
  ),
  left_out: z.array(z.looseObject({ deployment: z.string(), model: z.string(), pool: z.string(), reason: z.string() })),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
})
type Answer = z.output<typeof answerSchema>

/** Prints who would serve. Returns the exit code: 1 where nobody would. */
export async function explainRoute(model: string, flags: RouteFlags): Promise<number> {
  const connection = readAdminConnection(flags, process.env)
  const text = await sendAdmin(connection, { method: 'POST', path: '/route', body: await describe(model, flags) })
  const answer = answerSchema.parse(JSON.parse(text))
  if (flags.json) printLine(text)
  else printAnswer(answer)
  return answer.error === null ? 0 : 1
}

async function describe(model: string, flags: RouteFlags): Promise<object> {
  const { tenant, tags, sensitivity, priority, endpoint, job } = flags
  return {
    model,
    ...(tenant !== undefined && { tenant }),
    ...(tags !== undefined && { tags: readPairs(tags) }),
    ...(sensitivity !== undefined && { sensitivity }),
    ...(priority !== undefined && { priority }),
    ...(endpoint !== undefined && { endpoint }),
    ...(job !== undefined && { job }),
    ...(flags.needs !== undefined && { needs: flags.needs.split(',').map((name) => name.trim()) }),
    ...(flags.deadline !== undefined && { deadline: readWhen(flags.deadline) }),
    ...(flags.promptTokens !== undefined && { prompt_tokens: readCount('--prompt-tokens', flags.promptTokens) }),
    ...(flags.outputTokens !== undefined && { output_tokens: readCount('--output-tokens', flags.outputTokens) }),
    ...(flags.body !== undefined && { body: await readBody(flags.body) }),
  }
}

function readPairs(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split('=', 2).map((word) => word.trim()))
  if (pairs.some(([name, value]) => !name || value === undefined)) {
    throw new UsageError('--tags expects pairs: a=b,c=d')
  }
  return Object.fromEntries(pairs)
}

function readWhen(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function readCount(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} expects a whole number.`)
  return Number(text)
}

async function readBody(file: string): Promise<unknown> {
  const text = await (file === '-' ? readText(process.stdin) : readFile(file, 'utf8')).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`Can't read ${file} (${code}).`)
  })
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    throw new UsageError(`${file} holds no JSON.`)
  }
}

function printAnswer(answer: Answer): void {
  const { model, sensitivity, sensitivity_reason: reason, needs, prompt_tokens: tokens } = answer
  printLine(`${model}: ${sensitivity} (${reason}), needs ${needs.join(', ')}${tokensOf(tokens)}`)
  for (const [name, rule] of Object.entries(answer.rules)) printLine(`rule ${rule} of ${name} decides there`)
  if (answer.deployments.length > 0) {
    printLine()
    printLine(candidateTable(answer))
  }
  if (answer.left_out.length > 0) {
    const columns = [{ title: 'LEFT OUT' }, { title: 'MODEL' }, { title: 'POOL' }, { title: 'WHY' }]
    const rows = answer.left_out.map((each) => [each.deployment, each.model, each.pool, each.reason])
    printLine()
    printLine(formatTable(columns, rows))
  }
  if (answer.error) {
    printLine()
    printLine(`refused: ${answer.error.message} [${answer.error.code}]`)
  }
}

function tokensOf(count: number | null): string {
  return count === null || count === 0 ? '' : `, about ${count.toLocaleString('en')} tokens`
}

function candidateTable({ deployments }: Answer): string {
  const rows = deployments.map((each, index) => [
    String(index + 1),
    each.deployment,
    each.model,
    each.pool,
    each.after === null ? each.standing : `after ${each.after}`,
    `$${each.estimated_cost_usd.toFixed(6)}`,
    each.speed ? `${Math.round(each.speed.first_token_ms)} ms` : '–',
    each.speed ? each.speed.tokens_per_second.toFixed(1) : '–',
    String(Math.round(each.load)),
    each.note ?? '',
  ])
  const right = 'right' as const
  return formatTable(
    [
      { title: '#', align: right },
      { title: 'DEPLOYMENT' },
      { title: 'MODEL' },
      { title: 'POOL' },
      { title: 'STANDS' },
      { title: 'COST', align: right },
      { title: 'FIRST', align: right },
      { title: 'TOKENS/S', align: right },
      { title: 'LOAD', align: right },
      { title: 'NOTE' },
    ],
    rows,
  )
}
