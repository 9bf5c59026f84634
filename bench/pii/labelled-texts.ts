/** Reads labelled texts: JSON lines of `{"text", "spans": [{"start", "end", "label"}]}`, offsets in UTF-16 units. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface Span {
  readonly start: number
  readonly end: number
  readonly label: string
}

export interface LabelledText {
  readonly text: string
  readonly spans: readonly Span[]
}

/** The files among the arguments, and those below the folders among them. */
export function findFiles(paths: readonly string[], extension: string): string[] {
  return paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
    return names.filter((name) => name.endsWith(extension)).map((name) => join(path, name))
  })
}

/** A file's name for people: the folder is the set where all files are called alike. */
export function nameOf(file: string): string {
  const folder = basename(dirname(file))
  return folder === '' || folder === '.' ? basename(file) : `${folder}/${basename(file)}`
}

/** The first `limit` records of a file. Throws with the line when one is not as it should be. */
export function readLabelled(file: string, limit: number): LabelledText[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return lines.slice(0, limit).map((line, index) => {
    const record: unknown = JSON.parse(line)
    if (!isLabelled(record)) throw new Error(`${file}:${index + 1}: expected {"text", "spans": [{start, end, label}]}`)
    return record
  })
}

function isLabelled(record: unknown): record is LabelledText {
  if (typeof record !== 'object' || record === null) return false
  const { text, spans } = record as Record<string, unknown>
  return typeof text === 'string' && Array.isArray(spans) && spans.every(isSpan)
}

function isSpan(span: unknown): span is Span {
  if (typeof span !== 'object' || span === null) return false
  const { start, end, label } = span as Record<string, unknown>
  return typeof start === 'number' && typeof end === 'number' && typeof label === 'string'
}
