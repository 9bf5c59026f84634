import { isUtf8 } from 'node:buffer'
import { PassThrough, type Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BrokerError } from '../../core/errors.ts'
import { isBlank, splitPieces, type TextLine } from '../../core/text-lines.ts'
import type { HttpDeps } from '../deps.ts'
import { errorBody } from '../error-handler.ts'
import { parse } from '../json-body.ts'
import { makeJob } from '../make-job.ts'
import { type JobHeaders, readJobHeaders } from '../request-headers.ts'
import { jobRequest } from '../schemas.ts'
import { invalidInput } from '../validation.ts'

/** Bounds what a client that sends all before it reads anything leaves here: some 500 bytes of answer per line. */
const maxLines = 50_000
/** How many jobs are taken in at once, of the lines that came together. */
const atOnce = 64
const ndjsonTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/jsonlines']

/**
 * `POST /v1/jobs/bulk`: a body of `POST /v1/jobs` on each line, and for each line one line of answer, in their order and
 * as soon as it is known. A line that is refused refuses no other.
 */
export function registerJobBulkRoute(app: FastifyInstance, deps: HttpDeps): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    // As it comes: the limit on bodies is one on lines here, and nothing is kept but the line that is not whole yet.
    scope.addContentTypeParser(ndjsonTypes, (_request, payload, parsed) => parsed(null, payload))
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(noNdjson()))
    scope.post(
      '/v1/jobs/bulk',
      {
        schema: {
          summary: 'Makes a job of each line, NDJSON in and out',
          consumes: ['application/x-ndjson'],
          produces: ['application/x-ndjson'],
        },
        config: { jobHeaders: true },
      },
      async (request, reply) => {
        if (!request.body) throw noNdjson()
        const headers = readJobHeaders(request.headers, deps.accept.now())
        // Not slowed down by its reader: whoever reads only after the last line is sent would wait for us, and we for it.
        const answers = new PassThrough()
        void answerLines(request, { source: request.body as Readable, headers, answers }, deps)
        // A proxy that collects answers would keep one who waits for a line's before they send the next waiting for ever.
        reply.header('x-accel-buffering', 'no')
        return reply.type('application/x-ndjson; charset=utf-8').send(answers)
      },
    )
    done()
  })
}

function noNdjson(): BrokerError {
  return new BrokerError('unsupported_media_type', 'The body must be application/x-ndjson.')
}

interface Bulk {
  readonly source: Readable
  readonly headers: JobHeaders
  readonly answers: PassThrough
}

async function answerLines(request: FastifyRequest, bulk: Bulk, deps: HttpDeps): Promise<void> {
  const { source, headers, answers } = bulk
  let taken = 0
  try {
    for await (const whole of splitPieces(source, { maxBytes: deps.maxBodyBytes })) {
      const lines = whole.filter((line) => !isBlank(line))
      for (let from = 0; from < lines.length && taken <= maxLines; from += atOnce) {
        const group = lines.slice(from, Math.min(from + atOnce, from + maxLines + 1 - taken))
        const made = group.map((line, index) =>
          taken + index < maxLines ? answerLine(line, headers, request, deps) : refuseRest(line),
        )
        for (const answer of await Promise.all(made)) answers.write(`${answer}\n`)
        taken += group.length
      }
    }
    answers.end()
  } catch (error) {
    // The client has gone, or its connection: what was answered is made, and what was not is not.
    deps.log.debug({ err: error, request_id: request.id, lines: taken }, 'a bulk of jobs broke off')
    answers.destroy()
  }
}

async function answerLine(
  { number, bytes }: TextLine,
  headers: JobHeaders,
  { tenant, traceparent, id: requestId }: FastifyRequest,
  deps: HttpDeps,
): Promise<string> {
  try {
    if (bytes === null) throw new BrokerError('body_too_large', 'The line is longer than the server takes.')
    if (!isUtf8(bytes)) throw new BrokerError('invalid_json', 'The line is not valid UTF-8.')
    const text = bytes.toString('utf8')
    const parsed = jobRequest.safeParse(parse(text))
    if (!parsed.success) throw invalidInput(parsed.error, { noun: 'field', parent: [] })
    const key = headers['idempotency-key']
    // A header holds no line feed, so this is nobody's key for anything else.
    const idempotencyKey = key === undefined ? undefined : `${key}\n${number}`
    const job = await makeJob({ tenant, body: parsed.data, text, headers, idempotencyKey, traceparent }, deps)
    return JSON.stringify({ line: number, ...job })
  } catch (error) {
    if (error instanceof BrokerError) return describeFailure(number, error)
    deps.log.error({ err: error, request_id: requestId, line: number }, 'a line of a bulk failed')
    return describeFailure(number, new BrokerError('internal_error'))
  }
}

function refuseRest({ number }: TextLine): string {
  const message = `A bulk has at most ${maxLines} lines; this one and those after it were not taken.`
  return describeFailure(number, new BrokerError('body_too_large', message))
}

function describeFailure(line: number, { code, message, param, retryAfterSeconds }: BrokerError): string {
  const wait = retryAfterSeconds === null ? {} : { retry_after: retryAfterSeconds }
  return JSON.stringify({ line, ...errorBody(code, message, param), ...wait })
}
