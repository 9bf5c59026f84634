import { createHash } from 'node:crypto'
import type { BatchError, BatchId } from './batch.ts'
import { type ErrorCode, errorRow } from './errors.ts'
import type { JobId } from './job.ts'
import type { ResponseRequest } from './responses/request.ts'

/** A line of an input file that can be run. */
export interface BatchRequest {
  readonly customId: string
  readonly model: string
  /** The endpoint's body as it stands in the line. */
  readonly bodyJson: string
  /** The same, read, where it asks for a response. */
  readonly response?: ResponseRequest
}

export type ReadLine =
  | { readonly kind: 'request'; readonly request: BatchRequest }
  | { readonly kind: 'problem'; readonly problem: Omit<BatchError, 'line'> }

/** Reads one line: what it must be for which endpoint is up to the HTTP side, which knows the endpoints' bodies. */
export type LineReader = (text: Buffer) => ReadLine

/** What became of a line. */
export type LineOutcome =
  | { readonly kind: 'answered'; readonly bodyJson: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'not_run'; readonly ending: 'cancelled' | 'expired' }

const notRun = {
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed because the batch was cancelled.' },
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
} as const

/** The line of an output or error file, as OpenAI writes it. The answer is put in as it is. */
export function writeOutcome(
  line: { readonly batch: BatchId; readonly number: number; readonly customId: string; readonly job: JobId | null },
  outcome: LineOutcome,
): Buffer {
  const head = `{"id":${JSON.stringify(outcomeId(line))},"custom_id":${JSON.stringify(line.customId)},`
  if (outcome.kind === 'not_run') {
    return Buffer.from(`${head}"response":null,"error":${JSON.stringify(notRun[outcome.ending])}}\n`)
  }
  const { status, bodyJson } =
    outcome.kind === 'answered' ? { status: 200, bodyJson: outcome.bodyJson } : refusal(outcome)
  // Outside of its texts JSON may be broken into lines; the file may not.
  const body = bodyJson.replace(/[\r\n]+/g, ' ')
  const response = `{"status_code":${status},"request_id":${JSON.stringify(line.job ?? '')},"body":${body}}`
  return Buffer.from(`${head}"response":${response},"error":null}\n`)
}

/** The same for a line however often it is written. */
function outcomeId({ batch, number }: { batch: BatchId; number: number }): string {
  return `batch_req_${batch.slice('batch_'.length)}_${number}`
}

function refusal({ code, message }: { code: ErrorCode; message: string }): { status: number; bodyJson: string } {
  const { status, type } = errorRow(code)
  return { status, bodyJson: JSON.stringify({ error: { message, type, code, param: null } }) }
}

/** What a line is called. Its file was looked through before, so a line has a name. */
export function customIdOf(text: Buffer): string {
  const { custom_id: customId } = JSON.parse(text.toString('utf8').replace(/^\uFEFF/, '')) as { custom_id?: unknown }
  return typeof customId === 'string' ? customId : ''
}

/** Stands in for the name of a line where all names are kept: there may be 50,000 of any length. */
export function hashCustomId(customId: string): string {
  // As JSON, because every half of a surrogate pair alone would be the same byte sequence.
  return createHash('sha256').update(JSON.stringify(customId)).digest('base64')
}
