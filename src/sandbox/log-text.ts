import { continuesAnEntry } from './log-entries.ts'
import { readJsonLine } from './log-message.ts'
import { createTimestampFinder } from './timestamps.ts'

/** As loggers without a clock begin a line: `ERROR foo`, `[warn] foo`, `warn: foo`, `level=info`. Prose does not. */
const levelAtStart =
  /^\W{0,2}(?:FATAL|PANIC|CRITICAL|ERROR|WARN|WARNING|INFO|NOTICE|DEBUG|TRACE)\b|^(?:\[(?:fatal|error|warn|warning|info|notice|debug|trace)\]|(?:fatal|error|warn|warning|info|debug|trace): |level=\w)/
const fence = /^```/
/** Where the time of a lone log line may start at the latest: after a host or an access log's first fields. */
const loneTimeStart = 40

/** All lines of a text, as `grep -c ''` counts them: what follows the last line end counts unless it is empty. */
export function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/**
 * The lines of the log in a message, without an instruction before or after it and without a Markdown fence around it,
 * or null when the message has no log. A log has two lines that look like one; or it is one such line alone. Numbers of
 * lines count from the log's first.
 */
export function findLogLines(message: string): readonly string[] | null {
  const lines = splitLines(message)
  const looksLogged = createLogLineTest()
  let first = -1
  let last = -1
  let count = 0
  for (const [index, line] of lines.entries()) {
    if (!looksLogged(line)) continue
    if (first < 0) first = index
    last = index
    count += 1
  }
  if (count === 0 || (count === 1 && !isLoneLogLine(lines[first] ?? ''))) return null
  return lines.slice(startOfLog(lines, first), endOfLog(lines, last))
}

function createLogLineTest(): (line: string) => boolean {
  const findTime = createTimestampFinder()
  return (line) => line !== '' && (levelAtStart.test(line) || readJsonLine(line) !== null || findTime(line) !== null)
}

function isLoneLogLine(line: string): boolean {
  const time = createTimestampFinder()(line)
  if (time !== null && time.start <= loneTimeStart) return true
  return readJsonLine(line) !== null || levelAtStart.test(line)
}

/** A text may be cut in the middle of a stack trace: its lines right before the first log line are part of it. */
function startOfLog(lines: readonly string[], first: number): number {
  let start = first
  while (start > 0 && continuesAnEntry(lines[start - 1] ?? '')) start -= 1
  return start
}

/** The end of the fence or of the text; a question after a blank line is not part of the log. */
function endOfLog(lines: readonly string[], last: number): number {
  for (let index = last + 1; index < lines.length; index += 1) {
    const line = lines[index] ?? ''
    if (fence.test(line)) return index
    if (line.trim() === '' && /^\S/.test(lines[index + 1] ?? '')) return index
  }
  let end = lines.length
  while (end > last + 1 && (lines[end - 1] ?? '').trim() === '') end -= 1
  return end
}
