import { UsageError } from '../client/failures.ts'
import { stdinName } from './input-files.ts'
import { type JobTemplate, type ResponseFormat, summaryPrompt } from './job-request.ts'

/** The options of `sluice submit` as the command line has them. */
export interface SubmitFlags {
  readonly model: string
  readonly file?: readonly string[]
  readonly out?: string
  readonly resume?: true
  readonly retryFailed?: true
  readonly prompt?: string
  readonly responseFormat?: ResponseFormat
  readonly priority?: string
  readonly sensitivity?: string
  readonly webhook?: string
  readonly chunkBytes: number
  readonly concurrency: number
  readonly json?: true
  readonly url?: string
}

/** What a run does. */
export interface SubmitPlan {
  readonly template: JobTemplate
  readonly patterns: readonly string[]
  readonly out: string | null
  readonly resume: boolean
  readonly retryFailed: boolean
  readonly chunkBytes: number
  readonly concurrency: number
  readonly json: boolean
}

/** @throws UsageError for options that do not go together. */
export function toPlan(flags: SubmitFlags, { stdinIsTerminal }: { stdinIsTerminal: boolean }): SubmitPlan {
  const { out = null, resume = false, retryFailed = false, webhook, prompt } = flags
  if (resume && out === null) throw new UsageError('--resume needs the results file to go on with: --out FILE.')
  if (retryFailed && !resume) throw new UsageError('--retry-failed goes with --resume.')
  if (webhook !== undefined && !URL.canParse(webhook)) throw new UsageError('--webhook is not a URL.')
  if (prompt?.trim() === '') throw new UsageError('--prompt is empty.')
  const patterns = flags.file ?? []
  if (patterns.length === 0 && stdinIsTerminal) {
    throw new UsageError("Nothing to read: give --file, such as --file 'logs/*.log', or pipe something in.")
  }
  return {
    template: {
      model: flags.model,
      prompt: prompt ?? summaryPrompt,
      responseFormat: flags.responseFormat ?? (prompt === undefined ? 'json_object' : 'text'),
      ...(flags.priority !== undefined && { priority: flags.priority }),
      ...(flags.sensitivity !== undefined && { sensitivity: flags.sensitivity }),
      ...(webhook !== undefined && { webhookUrl: webhook }),
    },
    patterns: patterns.length > 0 ? patterns : [stdinName],
    out,
    resume,
    retryFailed,
    chunkBytes: flags.chunkBytes,
    concurrency: flags.concurrency,
    json: flags.json === true,
  }
}
