import { isUtf8 } from 'node:buffer'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { projectFolder } from './sluice-process.ts'

export interface LogFile {
  /** As the commands name it: relative to the project where it is part of it. */
  readonly name: string
  readonly bytes: number
  readonly modifiedAtMs: number
}

export interface FoundLogs {
  readonly folders: readonly string[]
  readonly files: readonly LogFile[]
  /** Files that were left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>
}

const systemFolder = '/var/log'
const ownFolder = 'examples/logs'
const maxFileBytes = 1_500_000
const maxSystemBytes = 3_000_000
/** A line that does not fit into a job would be cut, and its parts counted as two. */
const maxLineBytes = 4_000
/** What is being written now would be another file when grep reads it. */
const quietMs = 60_000

/** The logs of this machine that are text and quiet, a few megabytes at most, and those that come with the project. */
export async function findLogs(): Promise<FoundLogs> {
  const leftOut: Record<string, number> = {}
  const system: LogFile[] = []
  let systemBytes = 0
  for (const name of await listFiles(systemFolder, 2)) {
    const judged = await judge(name, name)
    if (typeof judged === 'string') leftOut[judged] = (leftOut[judged] ?? 0) + 1
    else if (systemBytes + judged.bytes > maxSystemBytes)
      leftOut['more than the demo reads'] = (leftOut['more than the demo reads'] ?? 0) + 1
    else {
      systemBytes += judged.bytes
      system.push(judged)
    }
  }
  const own: LogFile[] = []
  for (const name of await listFiles(path.join(projectFolder, ownFolder), 1)) {
    if (!name.endsWith('.log')) continue
    const judged = await judge(name, path.relative(projectFolder, name), { mayBeNew: true })
    if (typeof judged === 'string') throw new Error(`${name} is ${judged}`)
    own.push(judged)
  }
  return { folders: [systemFolder, ownFolder], files: [...system, ...own], leftOut }
}

/** Files that are not what they were: somebody has written to them since. */
export async function findChanged(files: readonly LogFile[]): Promise<LogFile[]> {
  const judged = await Promise.all(
    files.map(async (file) => {
      const now = await stat(path.resolve(projectFolder, file.name)).catch(() => null)
      return now?.size === file.bytes && now.mtimeMs === file.modifiedAtMs ? [] : [file]
    }),
  )
  return judged.flat()
}

async function listFiles(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const nested = await Promise.all(
    entries.map((entry) => {
      const name = path.join(folder, entry.name)
      if (entry.isFile()) return [name]
      return entry.isDirectory() && depth > 1 ? listFiles(name, depth - 1) : []
    }),
  )
  return nested.flat().sort()
}

/** The file, or the reason to leave it out. */
async function judge(file: string, name: string, { mayBeNew = false } = {}): Promise<LogFile | string> {
  // The commands are shown for a shell, where these need no quotes.
  if (!/^[\w./+-]+$/.test(name)) return 'with signs in the name that a shell reads'
  const { size: bytes, mtimeMs: modifiedAtMs } = await stat(file)
  if (bytes === 0) return 'empty'
  if (bytes > maxFileBytes) return 'too large for a demo'
  if (!mayBeNew && Date.now() - modifiedAtMs < quietMs) return 'being written'
  const content = await readFile(file).catch(() => null)
  if (content === null) return 'not readable'
  if (!isUtf8(content) || content.includes(0)) return 'not text'
  if (longestLine(content) > maxLineBytes) return 'with very long lines'
  return { name, bytes, modifiedAtMs }
}

function longestLine(content: Buffer): number {
  let longest = 0
  let start = 0
  while (start < content.length) {
    const found = content.indexOf('\n', start)
    const end = found === -1 ? content.length : found
    longest = Math.max(longest, end - start)
    start = end + 1
  }
  return longest
}
