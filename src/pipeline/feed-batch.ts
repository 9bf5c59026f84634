import { type BatchCursor, type BatchRecord, jobEndpointOf, type OpenLine } from '../core/batch.ts'
import { customIdOf, type LineOutcome, type LineReader } from '../core/batch-line.ts'
import { BrokerError } from '../core/errors.ts'
import { createJobId, type JobId } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { isBlank, splitLines } from '../core/text-lines.ts'
import { acceptJob } from './accept-job.ts'
import type { BatchDeps } from './batch-deps.ts'
import { prepareResponse } from './prepare-response.ts'
import { readFileContent } from './read-file.ts'

/** What came of making the jobs of lines. */
export interface Started {
  /** Lines that no job was made for, and never will. */
  readonly refused: ReadonlyMap<JobId, LineOutcome>
  /** Some lines have to wait this long for their jobs, in milliseconds; null where none has. */
  readonly waitMs: number | null
}

export interface Feeding extends Started {
  /** The batch has moved on in its input. */
  readonly isMoved: boolean
}

interface TakenLine extends OpenLine {
  readonly text: Buffer
}

const parallel = 8
/** Text of lines that is held at once, in bytes. */
const maxHeldBytes = 8 * 1024 * 1024
const defaultWaitMs = 1_000
/** Lines were measured when the file was looked through. */
const anyLength = Number.MAX_SAFE_INTEGER

/**
 * Gives the next lines of a batch their jobs, `count` at most. Which line has which job is written down, together with the
 * place where to go on, before any job is made: a courier that dies in between is followed by one that makes those that
 * are missing (`recoverLines`), under the same ids.
 */
export async function feedBatch(batch: BatchRecord, count: number, deps: BatchDeps): Promise<Feeding> {
  const { lines, to } = await takeLines(batch, count, deps)
  if (to.offset === batch.cursor.offset) return nothing
  // Another courier was faster, or this one was and a connection that broke kept it back: what has no job is found.
  if (!(await deps.batches.assign(batch.id, lines, { from: batch.cursor, to }))) return { ...nothing, waitMs: 0 }
  return { ...(await startLines(batch, lines, deps)), isMoved: true }
}

/** Makes the jobs of lines that have none, and finds those whose end was never told of. */
export async function recoverLines(batch: BatchRecord, deps: BatchDeps): Promise<Started> {
  const open = await deps.batches.openLines(batch.id)
  const refused = new Map<JobId, LineOutcome>()
  let waitMs: number | null = null
  for (let at = 0; at < open.length; at += parallel) {
    const lines = open.slice(at, at + parallel)
    const jobs = await Promise.all(lines.map(({ job }) => deps.store.read(job)))
    const isEnded = (index: number) => {
      const job = jobs[index]
      return job ? isTerminal(job.status) : false
    }
    const ended = lines.filter((_, index) => isEnded(index)).map(({ job }) => job)
    await deps.batches.noteEnds(batch.id, ended)
    const missing = lines.filter((_, index) => jobs[index] === null)
    const taken = await Promise.all(
      missing.map(async (line) => ({ ...line, text: await readLineAt(batch, line, deps) })),
    )
    const feeding = await startLines(batch, taken, deps)
    for (const [job, outcome] of feeding.refused) refused.set(job, outcome)
    waitMs = longer(waitMs, feeding.waitMs)
  }
  return { refused, waitMs }
}

async function takeLines(
  { spec, cursor }: BatchRecord,
  count: number,
  deps: BatchDeps,
): Promise<{ lines: TakenLine[]; to: BatchCursor }> {
  const content = readFileContent(spec.inputFile, deps, cursor.offset)
  const lines: TakenLine[] = []
  let to = cursor
  let held = 0
  for await (const line of splitLines(content, { maxBytes: anyLength, from: cursor })) {
    to = { offset: line.next, line: line.number }
    if (isBlank(line) || line.bytes === null) continue
    const { number, offset, length, bytes: text } = line
    lines.push({ job: createJobId(), line: number, offset, length, customId: customIdOf(text), text })
    held += length
    if (lines.length >= count || held >= maxHeldBytes) break
  }
  return { lines, to }
}

async function readLineAt(
  { spec }: BatchRecord,
  { offset, length }: Pick<OpenLine, 'offset' | 'length'>,
  deps: BatchDeps,
): Promise<Buffer> {
  const pieces: Buffer[] = []
  let missing = length
  for await (const chunk of readFileContent(spec.inputFile, deps, offset)) {
    pieces.push(chunk.subarray(0, missing))
    missing -= Math.min(missing, chunk.length)
    if (missing === 0) break
  }
  return Buffer.concat(pieces)
}

async function startLines(batch: BatchRecord, lines: readonly TakenLine[], deps: BatchDeps): Promise<Started> {
  const read = deps.lineReaderFor(batch.spec)
  const refused = new Map<JobId, LineOutcome>()
  let waitMs: number | null = null
  for (let at = 0; at < lines.length; at += parallel) {
    const starting = lines.slice(at, at + parallel).map(async (line) => {
      const error = await startLine(batch, line, read, deps)
      if (!error) return
      const laterMs = waitOf(error)
      if (laterMs === null) refused.set(line.job, outcomeOf(error))
      else waitMs = longer(waitMs, laterMs)
    })
    await Promise.all(starting)
  }
  return { refused, waitMs }
}

/** Takes the line in as a job like any other. Returns why not. */
async function startLine(
  { id, spec }: BatchRecord,
  line: TakenLine,
  read: LineReader,
  deps: BatchDeps,
): Promise<BrokerError | null> {
  const parsed = read(line.text)
  // The file was looked through before; the configuration may have changed since.
  if (parsed.kind === 'problem') return new BrokerError('model_not_found', parsed.problem.message)
  const tenant = deps.tenantOf(spec.tenant, spec.keyId)
  if (!tenant) return new BrokerError('model_not_found', 'The tenant is no longer configured.')
  const { model, bodyJson, response } = parsed.request
  try {
    const limits = { ...deps, maxBodyBytes: deps.maxLineBytes }
    const prepared = response && (await prepareResponse(response, spec.tenant, limits))
    await acceptJob(
      {
        tenant,
        surface: 'batch',
        endpoint: jobEndpointOf(spec.endpoint),
        model,
        bodyJson,
        ...prepared?.job,
        stream: false,
        includeUsage: false,
        priority: 'batch',
        sensitivity: spec.sensitivity,
        deadlineMs: spec.expiresAtMs,
        tags: spec.tags && { ...spec.tags },
        line: { batch: id, job: line.job },
      },
      deps.accept,
    )
    return null
  } catch (error) {
    if (error instanceof BrokerError) return error
    throw error
  }
}

function outcomeOf({ code, message, param }: BrokerError): LineOutcome {
  // The deadline of a line is the end of its batch.
  return param === 'deadline' ? { kind: 'not_run', ending: 'expired' } : { kind: 'refused', code, message }
}

/** How long to wait before the same can be asked for again; null where it will never be let in. */
function waitOf({ code, retryAfterSeconds, shouldRetry }: BrokerError): number | null {
  if (code !== 'queue_full' && code !== 'rate_limit_exceeded' && code !== 'redis_unavailable') return null
  if (!shouldRetry) return null
  return retryAfterSeconds === null ? defaultWaitMs : retryAfterSeconds * 1000
}

function longer(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right
  return Math.max(left, right)
}

const nothing: Feeding = { refused: new Map(), waitMs: null, isMoved: false }
