import { randomUUID } from 'node:crypto'
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { orMissing, syncFolder } from '../disk/folders.ts'
import { type LogFile, listLog, logFileName } from './log-files.ts'

const compress = promisify(gzip)
const decompress = promisify(gunzip)

/** Nothing personal stands in a log, and still it is nobody else's business. */
const folderMode = 0o700
const fileMode = 0o600

/**
 * One log with one writer at a time. A line counts once it is whole and on disk.
 *
 * Whoever opens a log takes it from whoever had it: renames the file that was written last, and only then reads it, cuts
 * off a line that a crash left unfinished, and compresses it. A writer that was thought dead and is not looks after each
 * write whether its file still has its name. If so, the write came before the renaming, and the new one has read it; if
 * not, the write counts for nothing and is made again. New files and compressed ones are made under names that must be
 * free, so of two that open a log at the same time one fails.
 */
export class LineLog {
  /** The last whole line, of whatever file. */
  lastLine: string | null
  readonly #folder: string
  readonly #maxFileBytes: number
  #number: number
  #file: FileHandle | null = null
  #day = ''
  #bytes = 0

  private constructor(folder: string, maxFileBytes: number, end: { number: number; lastLine: string | null }) {
    this.#folder = folder
    this.#maxFileBytes = maxFileBytes
    this.#number = end.number
    this.lastLine = end.lastLine
  }

  static async open(folder: string, maxFileBytes: number): Promise<LineLog> {
    if (await mkdir(folder, { recursive: true, mode: folderMode })) {
      // New folders must last as well: this one in its parent, and that one in the data folder.
      await syncFolder(dirname(folder))
      await syncFolder(dirname(dirname(folder)))
    }
    await removeDrafts(folder)
    const files = await listLog(folder)
    for (const file of files) if (file.state !== '.gz') await seal(folder, file)
    const sealed = await listLog(folder)
    const newest = sealed.at(-1)
    // What is left where a process died after compressing it.
    if (newest) await rm(join(folder, `${logFileName(newest.day, newest.number)}.closing`), { force: true })
    const lastLine = newest ? lastLineOf(await decompress(await readFile(newest.path))) : null
    return new LineLog(folder, maxFileBytes, { number: newest?.number ?? 0, lastLine })
  }

  /** Resolves when the lines are on disk. A file holds lines of one day and goes on with the next at a new day or size. */
  async append(lines: readonly string[], day: string): Promise<void> {
    if (lines.length === 0) return
    // Days only go on: a straggler of yesterday stays in today's file.
    if (this.#file && (day > this.#day || this.#bytes >= this.#maxFileBytes)) await this.#closeFile()
    const file = this.#file ?? (await this.#createFile(day))
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    await writeAll(file, bytes)
    await file.datasync()
    await this.#assertOwned(file)
    this.#bytes += bytes.length
    this.lastLine = lines.at(-1) ?? this.lastLine
  }

  /** Leaves the file as it is: whoever opens the log next closes it. */
  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = null
  }

  async #createFile(day: string): Promise<FileHandle> {
    const number = this.#number + 1
    // Exclusive: fails where another writer was faster.
    const file = await open(join(this.#folder, logFileName(day, number)), 'ax', fileMode)
    this.#file = file
    this.#number = number
    this.#day = day
    this.#bytes = 0
    await syncFolder(this.#folder)
    return file
  }

  async #closeFile(): Promise<void> {
    await this.close()
    const path = this.#path(this.#day)
    await seal(this.#folder, { path, day: this.#day, number: this.#number, state: '' })
  }

  async #assertOwned(file: FileHandle): Promise<void> {
    const [own, named] = await Promise.all([file.stat(), stat(this.#path(this.#day)).catch(orMissing)])
    if (named?.ino !== own.ino || named.dev !== own.dev) throw new Error('another process has taken over this log')
  }

  #path(day: string): string {
    return join(this.#folder, logFileName(day, this.#number))
  }
}

/** Takes a file from its writer and compresses it up to its last whole line; one without any is removed. */
async function seal(folder: string, file: LogFile): Promise<void> {
  const path = join(folder, logFileName(file.day, file.number))
  const closing = `${path}.closing`
  if (file.state === '') await rename(path, closing)
  const written = await readFile(closing)
  const whole = written.subarray(0, written.lastIndexOf(0x0a) + 1)
  if (whole.length > 0) {
    const part = `${path}.${randomUUID()}.part`
    await writeFile(part, await compress(whole), { mode: fileMode, flush: true })
    // Unlike a renaming this fails where another process was faster.
    await link(part, `${path}.gz`).finally(() => rm(part, { force: true }))
  }
  await rm(closing)
  await syncFolder(folder)
}

/** What a process that died while compressing left. One that still lives fails, and begins again. */
async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.endsWith('.part'))
  await Promise.all(drafts.map((name) => rm(join(folder, name), { force: true })))
}

function lastLineOf(whole: Buffer): string | null {
  const end = whole.lastIndexOf(0x0a)
  return end < 0 ? null : whole.toString('utf8', end === 0 ? 0 : whole.lastIndexOf(0x0a, end - 1) + 1, end)
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  let written = 0
  while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten
}
