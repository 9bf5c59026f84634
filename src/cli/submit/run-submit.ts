/**
 * `sluice submit` from its plan to its exit code:
 *
 *   inputs → chunks → jobs (a window of them) → lines of the results file → report
 *
 * Whatever ends the run, what has its line in the results file is done, and the same command with `--resume` does the
 * rest.
 */
import { rm } from 'node:fs/promises'
import { createApiClient } from '../client/api-client.ts'
import type { Connection } from '../client/connection.ts'
import { ApiError, describeFailure } from '../client/failures.ts'
import { GaveUpError, Patience } from '../client/patience.ts'
import { programName, quoteWords } from '../client/quote-command.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { plainText } from '../client/terminal-text.ts'
import { HeldResults } from './held-results.ts'
import { readChunks } from './input-chunks.ts'
import { findInputFiles, type InputFile, stdinName } from './input-files.ts'
import { Interrupted, watchInterrupts } from './interrupts.ts'
import { questionFingerprint } from './job-request.ts'
import type { SubmitPlan } from './plan.ts'
import { startProgress } from './progress.ts'
import { buildReport, formatReport, type Report } from './report.ts'
import type { ResultLine } from './result-line.ts'
import { ResultsFile } from './results-file.ts'
import { runJobs } from './run-jobs.ts'
import { Tally } from './tally.ts'

/** Runs the plan and says what came of it. Resolves with the exit code; throws `UsageError` before anything is sent. */
export async function runSubmit(plan: SubmitPlan, connection: Connection): Promise<number> {
  const startedAtMs = performance.now()
  const inputs = await findInputFiles(plan.patterns, plan.out)
  const tally = new Tally(plan.template.responseFormat === 'json_object')
  const held = new HeldResults(questionFingerprint(plan.template))
  const results = await openResults(plan, held, tally)
  const interrupts = watchInterrupts()
  let failure: unknown = null
  try {
    await work({ plan, connection, inputs, held, tally, results, signal: interrupts.signal })
  } catch (error) {
    failure = error
  } finally {
    interrupts.stop()
    await results?.[Symbol.asyncDispose]()
  }
  const hasEffect = tally.done + tally.failed + tally.held + tally.open > 0
  if (failure !== null && !hasEffect && !(failure instanceof Interrupted)) {
    // The command may be repeated as it was given, so the empty file must not be in its way.
    if (results?.isNew) await rm(results.path, { force: true })
    throw failure
  }
  const report = buildReport(tally, {
    model: plan.template.model,
    outcome: failure === null ? 'completed' : failure instanceof Interrupted ? 'interrupted' : 'stopped',
    out: plan.out,
    durationMs: performance.now() - startedAtMs,
  })
  return conclude(report, failure, plan)
}

/** The results file, with what it holds already counted; null where answers are not kept. */
async function openResults(plan: SubmitPlan, held: HeldResults, tally: Tally): Promise<ResultsFile | null> {
  if (plan.out === null) return null
  if (!plan.resume) return ResultsFile.create(plan.out)
  return ResultsFile.openToResume(plan.out, {
    isWanted: (line) => !(plan.retryFailed && line.status !== 'completed'),
    take: (line) => {
      held.add(line)
      tally.addHeld(line)
    },
  })
}

interface Work {
  readonly plan: SubmitPlan
  readonly connection: Connection
  readonly inputs: readonly InputFile[]
  readonly held: HeldResults
  readonly tally: Tally
  readonly results: ResultsFile | null
  readonly signal: AbortSignal
}

async function work({ plan, connection, inputs, held, tally, results, signal }: Work): Promise<void> {
  const client = createApiClient(connection)
  const bytesTotal = inputs.some(({ bytes }) => bytes === null)
    ? null
    : inputs.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  const progress = startProgress(() => ({
    done: tally.done,
    failed: tally.failed + tally.heldFailed,
    held: tally.held - tally.heldFailed,
    bytesDone: tally.bytesDone,
    bytesHeld: tally.bytesHeld,
    bytesTotal,
  }))
  const chunks = readChunks(inputs, {
    chunkBytes: plan.chunkBytes,
    held,
    signal,
    onProblem: (problem) => {
      tally.problems.push(problem)
      progress.note(`${problem.file}: ${problem.message}`)
    },
  })
  const deps = {
    client,
    patience: new Patience({ notify: progress.note }),
    template: plan.template,
    concurrency: plan.concurrency,
    notify: progress.note,
    onAccepted: () => {
      tally.open += 1
    },
    onHeld: tally.passHeld.bind(tally),
    onResult: async (line: ResultLine) => {
      await results?.append(line)
      tally.addResult(line)
      if (results === null && !plan.json && plan.template.responseFormat === 'text') printAnswer(line)
    },
  }
  try {
    await runJobs(chunks, deps, signal)
  } finally {
    progress.stop()
    await client.close()
  }
}

/** For those who want to read answers rather than keep them. */
function printAnswer(line: ResultLine): void {
  const answer = line.result_text ?? `failed: ${line.error?.message} [${line.error?.code}]`
  const place = line.file === stdinName ? 'stdin' : line.file
  printLine(`== ${plainText(place)}, ${line.lines} lines from byte ${line.offset}\n${plainText(answer)}\n`)
}

function conclude(report: Report, failure: unknown, plan: SubmitPlan): number {
  if (failure !== null && !(failure instanceof Interrupted)) {
    const text = failure instanceof GaveUpError ? failure.message : describeFailure(failure)
    if (text === null) throw failure
    process.stderr.write(`error: ${text}\n`)
  }
  if (plan.json) {
    const error = failure instanceof ApiError ? { error: { code: failure.code, message: failure.message } } : {}
    printJson({ ...report, ...error })
  } else printLine(formatReport(report))
  if (failure !== null) {
    process.stderr.write(howToGoOn(plan, report))
    return failure instanceof Interrupted ? failure.exitCode : 1
  }
  return report.jobs.failed > 0 || report.unread.length > 0 ? 1 : 0
}

/** The command that does the rest, as it must be typed. */
function howToGoOn(plan: SubmitPlan, report: Report): string {
  const open =
    report.jobs.left_open > 0
      ? `${report.jobs.left_open} accepted jobs go on at the server; they are not sent twice.\n`
      : ''
  const input = plan.patterns.includes(stdinName) ? ' (with the same input on stdin)' : ''
  const given = process.argv.slice(2)
  const words = plan.out !== null && !plan.resume ? [...given, '--resume'] : given
  return `\n${open}To go on${input}:\n  ${programName(process.env, process.cwd())} ${quoteWords(words)}\n`
}
