import { readLogMessage } from './log-message.ts'
import { isErrorOrWorse, type Severity, severityOf } from './severity.ts'
import { createTimestampFinder, type Timestamp } from './timestamps.ts'

/** One event of a log: a line, and the lines that continue it, such as a stack trace. */
export interface LogEntry {
  /** Of its first line, counted from 1. */
  readonly lineNumber: number
  readonly tokens: readonly string[]
  /** Of its first line, so that grep on that line says the same. */
  readonly severity: Severity
  readonly time: Timestamp | null
}

export interface LogReading {
  readonly entries: readonly LogEntry[]
  /** Of all lines, continuation lines included, so that grep on the whole text counts the same. */
  readonly severities: Readonly<Record<Severity, number>>
}

const continuation =
  /^(?:\s+\S|Caused by: |Suppressed: |\.\.\. \d+ more|During handling of |The above exception |[})\]]+[,;]?$)/
/** Where a trace begins without a log line of its own: Python, Go, and a Java or JavaScript exception's name. */
const traceHead =
  /^(?:Traceback \(most recent call last\)|goroutine \d+ \[|(?:[\w$]+\.)*\w*(?:Exception|Error|Throwable)\b(?::|$))/
/** From this share of lines with a time on, a line without one belongs to the line before. */
const mostlyTimed = 0.8

export function readLogEntries(lines: readonly string[]): LogReading {
  const findTime = createTimestampFinder()
  const severities: Record<Severity, number> = { fatal: 0, error: 0, warn: 0, info: 0, debug: 0, none: 0 }
  const candidates: LogEntry[] = []
  let timed = 0
  for (const [index, line] of lines.entries()) {
    const severity = severityOf(line)
    severities[severity] += 1
    if (line.trim() === '') continue
    const previous = candidates.at(-1)
    if (previous !== undefined && continues(line, lines[index - 1] ?? '', previous)) continue
    const { time, tokens } = readLogMessage(line, findTime)
    if (time !== null) timed += 1
    candidates.push({ lineNumber: index + 1, tokens, severity, time })
  }
  const foldUntimed = timed < candidates.length && timed >= candidates.length * mostlyTimed
  return { entries: foldUntimed ? candidates.filter((entry) => standsAlone(entry, lines)) : candidates, severities }
}

/** True when the line alone shows that it goes on with the entry before it. */
export function continuesAnEntry(line: string): boolean {
  return continuation.test(line)
}

/**
 * True when the line goes on with the entry before it. A trace without a log line of its own joins an error before it,
 * but after a harmless line it is an entry itself: it must not make that line look like a failure.
 */
function continues(line: string, lineBefore: string, previous: LogEntry): boolean {
  if (continuesAnEntry(line)) return true
  // A Python trace ends with the exception's name at the margin, after its indented frames.
  if (traceHead.test(line)) return /^\s/.test(lineBefore) || isErrorOrWorse(previous.severity)
  return false
}

function standsAlone(entry: LogEntry, lines: readonly string[]): boolean {
  return entry.time !== null || entry.lineNumber === 1 || traceHead.test(lines[entry.lineNumber - 1] ?? '')
}
