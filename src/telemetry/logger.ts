import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino'
import type { Logger } from '../core/telemetry.ts'
import { redactFacts } from './redact-facts.ts'

/** How long a line may wait, in milliseconds. */
const flushMs = 100
const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

/**
 * A logger of JSON lines on stderr, as stdout belongs to the command line's answers. Lines are written behind the
 * caller's back, a tenth of a second late at most, and flushed when the process exits.
 *
 * @param options.level `LOG_LEVEL` as it stands in the environment; `info` where it is missing or empty.
 * @throws RangeError for a level that does not exist.
 */
export function createLogger(
  options: { level: string | undefined; role: string; node: string },
  // Not synchronous: a slow reader of stderr must not stop the event loop. pino flushes this one at exit.
  stream: DestinationStream = bufferedStderr(),
): Logger {
  return pino(
    {
      level: knownLevel(options.level),
      base: { role: options.role, node: options.node, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      // The stock serializer would take an error's facts for an error and add to them.
      serializers: { err: (facts) => facts },
      // In place of pino's `redact`, which looks only as deep as its paths are written, minds the case, and takes ten
      // times as long.
      formatters: { level: (label) => ({ level: label }), log: redactFacts },
    },
    stream,
  )
}

/** A line at a time would cost a system call each, a tenth of what a job costs in all. */
function bufferedStderr(): DestinationStream {
  const stream = destination({ dest: 2, sync: false, minLength: 4_096 })
  setInterval(() => stream.flush(), flushMs).unref()
  return stream
}

function knownLevel(level: string | undefined): string {
  const wanted = level?.trim().toLowerCase() || 'info'
  if (!logLevels.includes(wanted)) throw new RangeError(`LOG_LEVEL must be one of ${logLevels.join(', ')}`)
  return wanted
}
