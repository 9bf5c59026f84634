/**
 * The results file: JSONL, a line per chunk in the order in which jobs ended. Each line is written whole and in one
 * piece, so that whatever ends the process, at most the last line is torn, and `openToResume` drops that one.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { FileError, UsageError } from '../client/failures.ts'
import { type ResultLine, resultLine } from './result-line.ts'

export class ResultsFile implements AsyncDisposable {
  readonly path: string
  /** Whether this run has made it. */
  readonly isNew: boolean
  readonly #handle: FileHandle
  #lastWrite: Promise<void> = Promise.resolve()

  private constructor(path: string, handle: FileHandle, isNew: boolean) {
    this.path = path
    this.isNew = isNew
    this.#handle = handle
  }

  /** @throws UsageError where the file exists already, or can't be made. */
  static async create(path: string): Promise<ResultsFile> {
    try {
      return new ResultsFile(path, await open(path, 'wx'), true)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw new UsageError(`Can't write ${path} (${codeOf(error)}).`)
      throw new UsageError(
        `${path} exists. Add --resume to go on with what it does not hold yet, or choose another --out.`,
      )
    }
  }

  /**
   * Opens a file of an earlier run, hands each of its lines to `take`, and goes on behind the last whole one. Lines for
   * which `isWanted` says no are removed and not handed on. A file that does not exist is made.
   *
   * @throws UsageError where a line is not one of a results file, besides what `take` throws.
   */
  static async openToResume(
    path: string,
    { isWanted, take }: { isWanted: (line: ResultLine) => boolean; take: (line: ResultLine) => void },
  ): Promise<ResultsFile> {
    const exists = await stat(path).then(
      () => true,
      () => false,
    )
    if (!exists) return ResultsFile.create(path)
    await dropTornEnd(path)
    let hasUnwanted = false
    for await (const { line } of readLines(path)) {
      if (isWanted(line)) take(line)
      else hasUnwanted = true
    }
    if (hasUnwanted) await rewrite(path, isWanted)
    return new ResultsFile(path, await open(path, 'a'), false)
  }

  /**
   * Resolves when the line is with the operating system, where the death of this process can't harm it. After a failure
   * nothing more is written: it would stand behind half a line.
   */
  append(line: ResultLine): Promise<void> {
    const write = this.#lastWrite.then(() => this.#handle.appendFile(`${JSON.stringify(line)}\n`))
    this.#lastWrite = write.catch((cause: unknown) => {
      throw cause instanceof FileError ? cause : new FileError(this.path, codeOf(cause), { cause })
    })
    return this.#lastWrite
  }

  /** Waits for what is being written, and for the disk to have it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastWrite.catch(() => {})
    await this.#handle.datasync().catch(() => {})
    await this.#handle.close()
  }
}

/** Cuts off what stands behind the last line end. */
async function dropTornEnd(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    const { size } = await handle.stat()
    const portion = Buffer.alloc(64 * 1024)
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - portion.length)
      const { bytesRead } = await handle.read(portion, 0, end - start, start)
      const lineEnd = portion.subarray(0, bytesRead).lastIndexOf(0x0a)
      if (lineEnd !== -1 || start === 0) {
        const keep = start + lineEnd + 1
        if (keep < size) await handle.truncate(keep)
        return
      }
      end = start
    }
  } finally {
    await handle.close()
  }
}

async function* readLines(path: string): AsyncGenerator<{ text: string; line: ResultLine }> {
  const input = createReadStream(path)
  let number = 0
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    number += 1
    const parsed = resultLine.safeParse(parseJson(text))
    if (!parsed.success) {
      throw new UsageError(`Line ${number} of ${path} is not one of a results file; choose another --out.`)
    }
    yield { text, line: parsed.data }
  }
}

/** Through a second file, so that a crash leaves the old one or the new one and never half of one. */
async function rewrite(path: string, isWanted: (line: ResultLine) => boolean): Promise<void> {
  const draft = `${path}.tmp`
  const handle = await open(draft, 'w')
  try {
    for await (const { text, line } of readLines(path)) {
      if (isWanted(line)) await handle.appendFile(`${text}\n`)
    }
    await handle.datasync()
  } finally {
    await handle.close()
  }
  await rename(draft, path).catch(async (error: unknown) => {
    await rm(draft, { force: true })
    throw error
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
