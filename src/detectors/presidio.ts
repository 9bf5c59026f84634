import { errors, Pool } from 'undici'
import { z } from 'zod'
import { joinOverlaps } from '../core/pii/detect.ts'
import { type Detector, DetectorError, type TextPiece } from '../core/pii/detector.ts'
import { entityOfType } from '../core/pii/presidio-entities.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import type { Logger } from '../core/telemetry.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { createOffsetConverter } from './code-points.ts'
import { type JoinedText, joinTexts, spreadFindings } from './joined-texts.ts'
import { Slots } from './slots.ts'

export interface PresidioOptions {
  /** Where the analyzer answers `POST /analyze`. */
  readonly url: string
  /** The language that it is told the texts are in. */
  readonly language: string
  /** Findings below are left out, 0 to 1. */
  readonly minScore: number
  /** How long one call may take. */
  readonly timeoutMs: number
  /** Calls at once, over all jobs. */
  readonly connections?: number
  readonly log: Logger
  readonly now?: () => number
}

/** As the analyzer writes them: offsets count code points, as Python does. */
const answerSchema = z.array(
  z.object({
    entity_type: z.string(),
    start: z.int().nonnegative(),
    end: z.int().nonnegative(),
    score: z.number(),
  }),
)

const name = 'presidio'

/**
 * Asks a Presidio analyzer (github.com/microsoft/presidio, REST API of release 2.2). Short texts are joined to one call.
 * A call that fails in any way, or an answer that makes no sense, is a `DetectorError`; after three in a row nothing is
 * asked for a while, and callers are told at once.
 */
export function createPresidioDetector(options: PresidioOptions): Detector & { close(): Promise<void> } {
  const { timeoutMs, log, connections = 4, now = Date.now } = options
  const base = new URL(options.url)
  const path = `${base.pathname.replace(/\/+$/, '')}/analyze${base.search}`
  const pool = new Pool(base.origin, {
    connections,
    pipelining: 1,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  })
  const slots = new Slots(connections)
  const breaker = new CircuitBreaker({
    now,
    onChange: (isOpen) => log.warn({ detector: name }, isOpen ? 'the detector is away' : 'the detector is back'),
  })

  async function post(text: string, signal: AbortSignal): Promise<unknown> {
    const body = JSON.stringify({ text, language: options.language, score_threshold: options.minScore })
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const answer = await pool.request({ method: 'POST', path, headers, body, signal })
    if (answer.statusCode === 200) return answer.body.json()
    await answer.body.dump()
    // What the analyzer says about it may quote the text.
    throw new DetectorError(name, `the analyzer answered with status ${answer.statusCode}`)
  }

  /** A connection that was kept open may turn out to be closed. To ask twice changes nothing. */
  async function postTwice(text: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await post(text, signal)
    } catch (error) {
      if (!isBrokenConnection(error) || signal.aborted) throw error
      return post(text, signal)
    }
  }

  async function analyze(text: string, signal: AbortSignal): Promise<Finding[]> {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const answer = await postTwice(text, AbortSignal.any([signal, timeout]))
      return readFindings(text, answer, options.minScore)
    } catch (error) {
      if (error instanceof DetectorError || signal.aborted) throw error
      const message = timeout.aborted ? `no answer within ${timeoutMs} ms` : 'the call failed'
      throw new DetectorError(name, message, { cause: withoutText(error) })
    }
  }

  /** The texts of one job. Whether the analyzer is away is counted in jobs: the first failure decides over all calls. */
  async function analyzeAll(texts: readonly JoinedText[], byPiece: Finding[][], caller: AbortSignal | undefined) {
    const isTrial = breaker.isOpen
    if (!breaker.tryEnter()) throw new DetectorError(name, 'the analyzer is away; it was not asked')
    const stop = new AbortController()
    const signal = caller ? AbortSignal.any([caller, stop.signal]) : stop.signal
    const tasks = texts.map(async (joined) => {
      const found = await slots.run(() => {
        signal.throwIfAborted()
        // It went away while this one waited for its turn.
        if (breaker.isOpen && !isTrial) throw new DetectorError(name, 'the analyzer is away; it was not asked')
        return analyze(joined.text, signal)
      })
      spreadFindings(joined, found, byPiece)
    })
    try {
      await Promise.all(tasks)
      breaker.succeed()
    } catch (error) {
      if (caller?.aborted) breaker.abandon()
      else breaker.fail()
      stop.abort(error)
      await Promise.allSettled(tasks)
      throw error
    }
  }

  return {
    name,
    async detect(pieces: readonly TextPiece[], signal?: AbortSignal) {
      const byPiece = pieces.map((): Finding[] => [])
      const texts = joinTexts(pieces)
      if (texts.length > 0) await analyzeAll(texts, byPiece, signal)
      return byPiece.map(joinOverlaps)
    },
    close: () => pool.destroy(),
  }
}

/** One call's answer; a text of a few thousand signs has a few hundred findings. */
const maxAnswerBytes = 8 * 1024 * 1024

function readFindings(text: string, answer: unknown, minScore: number): Finding[] {
  const parsed = answerSchema.safeParse(answer)
  if (!parsed.success) throw new DetectorError(name, 'the analyzer answered with something else than findings')
  const toUnits = createOffsetConverter(text)
  const findings: Finding[] = []
  for (const { entity_type: type, start, end, score } of parsed.data) {
    if (start >= end || start >= text.length) {
      throw new DetectorError(name, 'the analyzer found something outside of the text')
    }
    // The threshold is a wish to the analyzer.
    if (score >= minScore)
      findings.push({ start: toUnits(start), end: toUnits(end), entity: entityOfType(type), score })
  }
  return findings
}

function isBrokenConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** A parser quotes what it could not read, and the analyzer may have sent the text back. */
function withoutText(error: unknown): unknown {
  return error instanceof SyntaxError ? undefined : error
}
