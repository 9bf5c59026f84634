import type { Chunk } from './chunk-cutter.ts'
import type { ResultLine } from './result-line.ts'
import { type MergedSummary, parseSummary, SummaryMerger } from './summary.ts'

interface FileTally {
  bytes: number
  lines: number
  jobs: number
  failed: number
  readonly summary: SummaryMerger
}

/** What the report says about one file. */
export interface FileReport {
  readonly file: string
  readonly bytes: number
  readonly lines: number
  readonly jobs: number
  readonly failed: number
  readonly summary: MergedSummary | null
}

/** A file that could not be read, or not to its end. */
export interface InputProblem {
  readonly file: string
  readonly message: string
}

const maxTemplatesOfRun = 2_000
const maxTemplatesOfFile = 100
const shownTemplatesOfRun = 20
const shownTemplatesOfFile = 5

/** Adds up result lines, of this run and of those before it, in memory that depends on the number of files only. */
export class Tally {
  readonly errors = new Map<string, { count: number; example: string; message: string }>()
  readonly problems: InputProblem[] = []
  /** Jobs of this run. */
  done = 0
  failed = 0
  /** Results of earlier runs, done and failed. */
  held = 0
  heldFailed = 0
  /** Taken by the server, without a result so far. */
  open = 0
  bytesDone = 0
  bytesHeld = 0
  bytes = 0
  lines = 0
  replaced = 0
  splitLines = 0
  promptTokens = 0
  completionTokens = 0
  costUsd: number | null = null
  /** Completed jobs whose answer was to be a structured summary and is none. */
  withoutSummary = 0
  readonly #files = new Map<string, FileTally>()
  readonly #summary = new SummaryMerger(maxTemplatesOfRun)
  readonly #expectsSummaries: boolean

  constructor(expectsSummaries: boolean) {
    this.#expectsSummaries = expectsSummaries
  }

  /** A line that an earlier run has written. */
  addHeld(line: ResultLine): void {
    this.held += 1
    if (line.status !== 'completed') this.heldFailed += 1
    this.#add(line)
  }

  /** A line of this run. */
  addResult(line: ResultLine): void {
    if (line.job_id !== null) this.open -= 1
    if (line.status === 'completed') this.done += 1
    else this.failed += 1
    this.bytesDone += line.bytes
    this.#add(line)
  }

  /** A chunk that was met and needs nothing done. */
  passHeld(chunk: Chunk): void {
    this.bytesDone += chunk.bytes
    this.bytesHeld += chunk.bytes
  }

  summary(): MergedSummary | null {
    return this.#summary.result(shownTemplatesOfRun)
  }

  files(): FileReport[] {
    return [...this.#files].map(([file, { bytes, lines, jobs, failed, summary }]) => ({
      file,
      bytes,
      lines,
      jobs,
      failed,
      summary: summary.result(shownTemplatesOfFile),
    }))
  }

  #add(line: ResultLine): void {
    this.bytes += line.bytes
    this.lines += line.lines
    this.replaced += line.replaced ?? 0
    this.splitLines += line.splits_line ? 1 : 0
    this.promptTokens += line.usage?.prompt_tokens ?? 0
    this.completionTokens += line.usage?.completion_tokens ?? 0
    if (typeof line.cost_usd === 'number') this.costUsd = (this.costUsd ?? 0) + line.cost_usd
    const file = this.#fileOf(line.file)
    file.bytes += line.bytes
    file.lines += line.lines
    file.jobs += 1
    if (line.status === 'completed') this.#addAnswer(line, file)
    else this.#addFailure(line, file)
  }

  #addAnswer(line: ResultLine, file: FileTally): void {
    if (!this.#expectsSummaries) return
    const summary = parseSummary(line.result_text ?? '')
    if (summary === null) {
      this.withoutSummary += 1
      return
    }
    this.#summary.add(summary, line)
    file.summary.add(summary, line)
  }

  #addFailure(line: ResultLine, file: FileTally): void {
    file.failed += 1
    const { code, message } = line.error ?? { code: line.status, message: '' }
    const known = this.errors.get(code)
    if (known) known.count += 1
    else this.errors.set(code, { count: 1, example: line.custom_id, message })
  }

  #fileOf(name: string): FileTally {
    const known = this.#files.get(name)
    if (known) return known
    const fresh = { bytes: 0, lines: 0, jobs: 0, failed: 0, summary: new SummaryMerger(maxTemplatesOfFile) }
    this.#files.set(name, fresh)
    return fresh
  }
}
