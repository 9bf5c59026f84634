import { maskVariables } from './mask-variables.ts'
import { readTimeValue, type Timestamp } from './timestamps.ts'

/** What a log line says, without when. */
export interface LogMessage {
  readonly time: Timestamp | null
  /** The words of the message with variables masked, `maxTokens` at most. */
  readonly tokens: readonly string[]
}

/** A line of a thousand words is data, not a message; its template is told by the first of them. */
const maxTokens = 60
const maxCharacters = 2000

const messageKeys = ['msg', 'message', 'event', 'error'] as const
const timeKeys = ['time', 'timestamp', '@timestamp', 'ts', 'datetime'] as const

/** `host ident user [time] "METHOD path HTTP/x" status …` after its time was cut out: the common log format. */
const accessLine = /^\S+ \S+ \S+ .{0,4}"([A-Z]{3,10}) [^"]*?(HTTP\/[\d.]+)?" (\d{3}) /

/** Reads one physical line. `findTime` is the finder of this log (`createTimestampFinder`). */
export function readLogMessage(line: string, findTime: (line: string) => Timestamp | null): LogMessage {
  const json = readJsonLine(line)
  if (json !== null) return { time: json.time, tokens: tokenize(maskVariables(json.message)) }
  const time = findTime(line)
  const text = time === null ? line : cutOut(line, time)
  const access = accessLine.exec(text)
  if (access !== null) {
    const [, method, protocol = '', status] = access
    // Paths, sizes and user agents are all different; method and status say what happened.
    return { time, tokens: tokenize(`${method} <path> ${protocol} ${status}`) }
  }
  return { time, tokens: tokenize(maskVariables(text.slice(0, maxCharacters))) }
}

/** Null for what is not a JSON object with a message or a level. */
export function readJsonLine(line: string): { time: Timestamp | null; message: string } | null {
  if (!line.startsWith('{')) return null
  const fields = parseObject(line)
  if (fields === null) return null
  const message = messageKeys.map((key) => fields[key]).find((value) => typeof value === 'string')
  if (message === undefined && fields.level === undefined && fields.severity === undefined) return null
  const timeValue = timeKeys.map((key) => fields[key]).find((value) => value !== undefined)
  const text = typeof message === 'string' ? message : `{${Object.keys(fields).join(', ')}}`
  return { time: readTimeValue(timeValue), message: text.slice(0, maxCharacters) }
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return readCutObject(line)
  }
}

/** A JSON line may be cut short, or a bare number in it masked; message and time are mostly still there. */
function readCutObject(line: string): Record<string, unknown> | null {
  const fields: Record<string, unknown> = {}
  for (const match of line
    .slice(0, maxCharacters)
    .matchAll(/"([\w@]{1,20})": ?(?:"((?:[^"\\]|\\.){0,1000})"|(\d{1,20}))/g)) {
    const [, key = '', text, number] = match
    fields[key] ??= text ?? Number(number)
  }
  return Object.keys(fields).length > 0 ? fields : null
}

/** The line without its timestamp, brackets around it, and the comma or bar that set it off. */
function cutOut(line: string, time: Timestamp): string {
  const before = line.slice(0, time.start).replace(/[[("]$/, '')
  const after = line.slice(time.end).replace(/^[\])"]?[,:|]?/, '')
  return before + after
}

function tokenize(text: string): string[] {
  const tokens = text.trim().split(/\s+/, maxTokens + 1)
  if (tokens.length > maxTokens) tokens[maxTokens] = '…'
  return tokens
}
