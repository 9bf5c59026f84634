import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { orMissing } from '../disk/folders.ts'

/**
 * A log is a folder of files `2026-11-21.0000042.jsonl`: the day of its first line and a number that rises over the
 * whole log.
 *
 *     written: ….jsonl → taken from its writer: ….jsonl.closing → compressed for good: ….jsonl.gz
 */
export interface LogFile {
  readonly path: string
  readonly day: string
  readonly number: number
  readonly state: LogFileState
}

const states = ['', '.closing', '.gz'] as const
type LogFileState = (typeof states)[number]

const namePattern = /^(\d{4}-\d{2}-\d{2})\.(\d{7,12})\.jsonl(|\.closing|\.gz)$/

export function logFileName(day: string, number: number): string {
  return `${day}.${String(number).padStart(7, '0')}.jsonl`
}

/**
 * The files of a log in the order in which they were written; none where the folder is missing. Of a file that is there
 * twice, because a process died while it closed it, the one in the later state: it is whole.
 */
export async function listLog(folder: string): Promise<LogFile[]> {
  const names = await readdir(folder).catch(orMissing)
  const files = new Map<number, LogFile>()
  for (const name of names ?? []) {
    const [, day, number, ending] = namePattern.exec(name) ?? []
    if (!day || !number) continue
    const file = { path: join(folder, name), day, number: Number(number), state: ending as LogFileState }
    const other = files.get(file.number)
    if (!other || states.indexOf(file.state) > states.indexOf(other.state)) files.set(file.number, file)
  }
  return [...files.values()].sort((left, right) => left.number - right.number)
}

/** The folders in a folder; none where it is missing. */
export async function listFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(orMissing)
  return (entries ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

export interface LogLine {
  readonly text: string
  /** From 1. */
  readonly number: number
  /** False for a last line without its end: still being written, or cut off by a crash. */
  readonly isWhole: boolean
}

const lineFeed = 0x0a

/** The lines of a file. @throws Error where the file is gone, or a compressed one is damaged. */
export async function* readLines(file: LogFile): AsyncGenerator<LogLine> {
  const source = createReadStream(file.path, { highWaterMark: 256 * 1024 })
  const input = file.state === '.gz' ? source.pipe(createGunzip()) : source
  source.on('error', (error) => input.destroy(error))
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  try {
    for await (const chunk of input) {
      const bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
      let start = 0
      for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
        number += 1
        yield { text: bytes.toString('utf8', start, end), number, isWhole: true }
        start = end + 1
      }
      rest = bytes.subarray(start)
    }
    if (rest.length > 0) yield { text: rest.toString('utf8'), number: number + 1, isWhole: false }
  } finally {
    source.destroy()
  }
}
