/**
 * `npm run demo`: everything that Sluice is for, on this machine, in under a minute. It starts `sluice up` with a data
 * folder that is thrown away, summarises real logs through the queue, compares the counts with grep's, receives a signed
 * webhook and streams a chat. Exit code 0 only if all of it was right.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { quoteWords } from '../../src/cli/client/quote-command.ts'
import { formatTable } from '../../src/cli/client/table.ts'
import { formatBytes, formatNumber, oneLine, plainText } from '../../src/cli/client/terminal-text.ts'
import type { Report } from '../../src/cli/submit/report.ts'
import { streamChat } from './chat-stream.ts'
import { countWithGrep, type GrepCount, grepPrefix } from './grep-counts.ts'
import { type FoundLogs, findChanged, findLogs } from './log-files.ts'
import { chapter, command, passed, print, say, seconds, style } from './paper.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'
import { isGenuine, startWebhookReceiver } from './webhook-receiver.ts'

const minJobs = 200
const timeLimitMs = 5 * 60_000

const incident = `2026-03-02T08:59:58Z INFO  pool: 12 connections in use
2026-03-02T08:59:59Z INFO  pool: 19 connections in use
2026-03-02T09:00:00Z WARN  pool: 20 connections in use, none left
2026-03-02T09:00:02Z ERROR checkout 4711: no connection after 2000 ms
2026-03-02T09:00:02Z ERROR checkout 4712: no connection after 2000 ms
2026-03-02T09:00:03Z ERROR checkout 4713: no connection after 2000 ms`

interface Check {
  readonly what: string
  readonly isPassed: boolean
}

const startedAtMs = performance.now()
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupt.abort(new Error(`stopped by ${name}`)))
}

try {
  const checks = await runDemo(AbortSignal.any([interrupt.signal, AbortSignal.timeout(timeLimitMs)]))
  chapter('Result')
  for (const { what, isPassed } of checks) say(`${passed(isPassed)} ${what}`)
  say(`\n${seconds(performance.now() - startedAtMs)} in all. Nothing is left behind and nothing has left this machine.`)
  process.exitCode = checks.every(({ isPassed }) => isPassed) ? 0 : 1
} catch (error) {
  const isStopped = interrupt.signal.aborted
  const reason: unknown = isStopped ? interrupt.signal.reason : error
  const why = reason instanceof Error ? reason.message : String(reason)
  print(isStopped ? `\n${why}; everything is cleaned up` : `\n${style('red', 'The demo failed')}: ${why}`)
  process.exitCode = isStopped ? 130 : 1
}

async function runDemo(signal: AbortSignal): Promise<Check[]> {
  print(style('bold', 'Sluice: real logs through a durable queue, on this machine only'))
  print('No model and no account is needed: the model "sandbox" summarises logs by template mining.')
  await using cleanup = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-demo-'))
  cleanup.defer(() => rm(folder, { recursive: true, force: true }))

  chapter('Start: API, auditor, dispatcher, courier, a Redis of its own')
  const beforeStartMs = performance.now()
  const sluice = cleanup.use(await startSluice(folder, signal))
  command(`sluice up --port 0 --data-dir ${folder}`)
  say(`ready after ${seconds(performance.now() - beforeStartMs)}: ${sluice.url}`)

  const logs = await showLogs()
  const report = await summarise(logs, sluice, folder, signal)
  const grepAgrees = await compareWithGrep(logs, report)
  const webhookIsRight = await receiveWebhook(sluice, signal)
  const chatIsRight = await showChat(sluice, signal)
  const { completed, failed } = report.jobs
  return [
    { what: `${completed} jobs completed, ${failed} failed`, isPassed: completed >= minJobs && failed === 0 },
    { what: 'every line and severity count is what grep counts', isPassed: grepAgrees },
    { what: 'the webhook came, is genuine, and a forged one is refused', isPassed: webhookIsRight },
    { what: 'the chat was streamed token by token', isPassed: chatIsRight },
  ]
}

async function showLogs(): Promise<FoundLogs> {
  const logs = await findLogs()
  chapter('Logs')
  const bytes = logs.files.reduce((sum, file) => sum + file.bytes, 0)
  say(`${logs.files.length} files, ${formatBytes(bytes)}, found in ${logs.folders.join(' and ')}`)
  say(
    formatTable(
      [{ title: '' }, { title: '', align: 'right' }],
      logs.files.map((file) => [file.name, formatBytes(file.bytes)]),
    ),
  )
  const reasons = Object.entries(logs.leftOut).map(([reason, count]) => `${count} ${reason}`)
  if (reasons.length > 0) say(`left out: ${reasons.join(', ')}`)
  return logs
}

/** The real CLI does the work, as a reader would call it. */
async function summarise(logs: FoundLogs, sluice: SluiceProcess, folder: string, signal: AbortSignal): Promise<Report> {
  chapter('Summaries: each file is cut at line ends into jobs')
  const bytes = logs.files.reduce((sum, file) => sum + file.bytes, 0)
  const chunkBytes = Math.max(4_096, Math.min(16_384, Math.floor(bytes / (minJobs * 1.2))))
  const files = logs.files.map((file) => file.name)
  const words = ['submit', '--model', 'sandbox', '--priority', 'batch', '--chunk-bytes', String(chunkBytes)]
  command(`FILES=(\n${files.map((name) => `    ${name}`).join('\n')}\n  )`)
  command(`sluice ${quoteWords(words)} --out results.jsonl --file "\${FILES[@]}"`)
  const out = path.join(folder, 'results.jsonl')
  const { exitCode, stdout } = await sluice.run([...words, '--out', out, '--json', '--file', ...files], signal)
  if (exitCode !== 0) throw new Error(`sluice submit ended with code ${exitCode}: ${stdout.slice(0, 500)}`)
  const report = JSON.parse(stdout) as Report
  const { jobs, usage, summary } = report
  say(
    `${formatNumber(jobs.completed)} jobs in ${seconds(report.duration_ms)}, ${report.jobs_per_second.toFixed(0)} per second, ` +
      `${formatNumber(usage.total_tokens)} tokens\n`,
  )
  if (!summary) throw new Error('The jobs brought no summaries.')
  say(`${style('bold', `${formatNumber(summary.lines)} lines`)}, of these ${describeSeverities(summary.severities)}`)
  const rows = summary.templates
    .slice(0, 8)
    .map(({ count, severity, template }) => [formatNumber(count), severity ?? '', oneLine(template, 84)])
  say(formatTable([{ title: 'Count', align: 'right' }, { title: 'Severity' }, { title: 'Most frequent lines' }], rows))
  return report
}

async function compareWithGrep(logs: FoundLogs, report: Report): Promise<boolean> {
  chapter('The same, counted by grep')
  const changed = new Set((await findChanged(logs.files)).map((file) => file.name))
  const files = logs.files.map((file) => file.name).filter((name) => !changed.has(name))
  if (changed.size > 0) say(`not compared, because somebody writes to them: ${[...changed].join(', ')}`)
  const counts = await countWithGrep(files)
  const compared = counts.map((count) => ({ count, ...compare(count, files, report) }))
  const rows = compared.map(({ count, total, differs }) => [
    count.label,
    formatNumber(total),
    formatNumber(count.total),
    differs.length === 0 ? 'same' : `DIFFERENT in ${differs.join(', ')}`,
  ])
  say('')
  say(
    formatTable(
      [
        { title: 'Lines' },
        { title: 'Sluice', align: 'right' },
        { title: 'grep', align: 'right' },
        { title: 'in each file' },
      ],
      rows,
    ),
  )
  say('\nThe commands, which give a count per file:')
  for (const { count } of compared) if (count.assignment !== null) command(count.assignment)
  for (const { count } of compared) command(`${grepPrefix}${count.words} "\${FILES[@]}"`)
  return compared.every(({ differs }) => differs.length === 0)
}

/** What Sluice counted, and the files for which grep says something else. */
function compare(count: GrepCount, files: readonly string[], report: Report): { total: number; differs: string[] } {
  let total = 0
  const differs: string[] = []
  for (const name of files) {
    const summary = report.files.find((file) => file.file === name)?.summary
    const classes = count.classes === 'all' ? null : count.classes
    const own = classes
      ? classes.reduce((sum, severity) => sum + (summary?.severities[severity] ?? 0), 0)
      : (summary?.lines ?? 0)
    total += own
    if (own !== count.byFile.get(name)) differs.push(`${name} (${own}, grep ${count.byFile.get(name)})`)
  }
  return { total, differs }
}

async function receiveWebhook(sluice: SluiceProcess, signal: AbortSignal): Promise<boolean> {
  chapter('A webhook instead of waiting')
  await using receiver = await startWebhookReceiver()
  const response = await fetch(`${sluice.url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${sluice.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'sandbox',
      input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'echo: done' }] } },
      webhook: { url: receiver.url },
    }),
    signal,
  })
  const job = (await response.json()) as { id?: string }
  say(`POST /v1/jobs with {"webhook": {"url": "${receiver.url}"}} → ${response.status} ${job.id}`)
  const received = await receiver.next(AbortSignal.any([signal, AbortSignal.timeout(20_000)]))
  const event = JSON.parse(received.body) as { type: string; data: { id: string } }
  say(`received ${event.type} for ${event.data.id}`)
  const genuine = isGenuine(sluice.webhookSecret, received)
  const forged = { ...received, body: received.body.replace('"completed"', '"failed"') }
  const forgedIsRefused = !isGenuine(sluice.webhookSecret, forged)
  say(
    `signature (Standard Webhooks) ${genuine ? 'verified' : 'WRONG'}; with one word changed it is ${forgedIsRefused ? 'refused' : 'TAKEN'}`,
  )
  return genuine && forgedIsRefused && event.type === 'job.completed' && event.data.id === job.id
}

async function showChat(sluice: SluiceProcess, signal: AbortSignal): Promise<boolean> {
  chapter('A chat, streamed as it is written')
  say('POST /v1/chat/completions with {"stream": true} and six lines of an incident\n')
  process.stdout.write('   ')
  const chat = await streamChat(
    sluice,
    incident,
    (text) => process.stdout.write(plainText(text).replaceAll('\n', '\n   ')),
    signal,
  )
  print('')
  say(
    `\n${chat.pieces} pieces, the first after ${Math.round(chat.firstPieceMs)} ms, the last after ${Math.round(chat.totalMs)} ms`,
  )
  return chat.isWhole && chat.pieces >= 10 && chat.firstPieceMs < chat.totalMs / 2
}

function describeSeverities(severities: Readonly<Record<string, number>>): string {
  return Object.entries(severities)
    .map(([severity, lines]) => `${formatNumber(lines)} ${severity === 'none' ? 'without a severity' : severity}`)
    .join(', ')
}
