/** One line of the results file: what came of one chunk. The names are those that users read and scripts parse. */
import { z } from 'zod'
import type { JobAnswer } from '../client/answers.ts'
import { readChatResult } from '../client/answers.ts'
import type { Chunk } from './chunk-cutter.ts'

export const resultLine = z.looseObject({
  /** `FILE@OFFSET`, unique in the file. */
  custom_id: z.string(),
  file: z.string(),
  offset: z.int().min(0),
  bytes: z.int().min(1),
  /** Number of the chunk's first line in the file, from 1. */
  first_line: z.int().min(1),
  lines: z.int().min(0),
  /** Of the chunk's bytes; `--resume` checks that they are still the same. */
  sha256: z.string(),
  /** Of model, prompt and response format; `--resume` refuses to mix answers to different questions. */
  question: z.string(),
  /** Null for a chunk that the server never took. */
  job_id: z.string().nullable(),
  /** `completed`, or how the job ended otherwise. */
  status: z.string(),
  result_text: z.string().optional(),
  finish_reason: z.string().nullish(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  usage: z
    .looseObject({ prompt_tokens: z.number(), completion_tokens: z.number(), total_tokens: z.number() })
    .nullable(),
  cost_usd: z.number().nullish(),
  /** Present where it is not 0: sequences that are no UTF-8 and were sent as U+FFFD. */
  replaced: z.int().optional(),
  /** Present where it is true: the chunk's last line goes on in the next chunk. */
  splits_line: z.boolean().optional(),
})

export type ResultLine = z.infer<typeof resultLine>

type Facts = Pick<
  ResultLine,
  | 'custom_id'
  | 'file'
  | 'offset'
  | 'bytes'
  | 'first_line'
  | 'lines'
  | 'sha256'
  | 'question'
  | 'replaced'
  | 'splits_line'
>

function factsOf(chunk: Chunk, question: string): Facts {
  const { file, offset, bytes, firstLine, lines, sha256, replaced, splitsLine } = chunk
  return {
    custom_id: `${file}@${offset}`,
    file,
    offset,
    bytes,
    first_line: firstLine,
    lines,
    sha256,
    question,
    ...(replaced > 0 && { replaced }),
    ...(splitsLine && { splits_line: true }),
  }
}

/** The line for a job that has ended. */
export function lineOfJob(chunk: Chunk, question: string, job: JobAnswer): ResultLine {
  const facts = factsOf(chunk, question)
  const answer = job.status === 'completed' ? readChatResult(job.result) : null
  const shared = { job_id: job.id, usage: job.usage ?? null, cost_usd: job.cost_usd ?? null }
  if (answer) {
    return { ...facts, ...shared, status: 'completed', result_text: answer.text, finish_reason: answer.finishReason }
  }
  const error =
    job.status === 'completed'
      ? { code: 'unexpected_answer', message: 'The result of the job is no chat completion.' }
      : { code: job.error?.code ?? job.status, message: job.error?.message ?? `The job is ${job.status}.` }
  return { ...facts, ...shared, status: job.status === 'completed' ? 'failed' : job.status, error }
}

/** The line for a chunk that the server refused to take, or to say more about once it had. */
export function lineOfRefusal(
  chunk: Chunk,
  question: string,
  error: { readonly code: string; readonly message: string },
  jobId: string | null,
): ResultLine {
  const { code, message } = error
  return { ...factsOf(chunk, question), job_id: jobId, status: 'failed', error: { code, message }, usage: null }
}
