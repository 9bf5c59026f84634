import { createReadStream } from 'node:fs'
import { glob, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { UsageError } from '../client/failures.ts'

/** One thing to read: a file by its path, or `-` for stdin. */
export interface InputFile {
  readonly name: string
  /** Null where nobody knows it before the end. */
  readonly bytes: number | null
}

/** What stands for stdin. */
export const stdinName = '-'

/**
 * The files that the patterns mean, each once, in the order of the patterns and sorted within one. A name without
 * wildcards that exists is taken as it is, so that `log[1].txt` can be given too. Folders that a pattern meets are left
 * out, and so is `exclude`, the results' own file.
 *
 * @throws UsageError for a pattern that means no file, or a folder given by name.
 */
export async function findInputFiles(patterns: readonly string[], exclude: string | null): Promise<InputFile[]> {
  const found = new Map<string, InputFile>()
  const excluded = exclude === null ? null : path.resolve(exclude)
  for (const pattern of patterns) {
    if (pattern === stdinName) {
      found.set(stdinName, { name: stdinName, bytes: null })
      continue
    }
    const files = (await findOne(pattern)).filter(({ name }) => path.resolve(name) !== excluded)
    if (files.length === 0) throw new UsageError(`No file matches ${JSON.stringify(pattern)}.`)
    for (const file of files) found.set(path.resolve(file.name), file)
  }
  return [...found.values()]
}

async function findOne(pattern: string): Promise<InputFile[]> {
  const facts = await stat(pattern).catch(() => null)
  if (facts?.isDirectory()) {
    throw new UsageError(
      `${pattern} is a folder; name its files, as in ${JSON.stringify(path.join(pattern, '*.log'))}.`,
    )
  }
  if (facts) return [describeFile(pattern, facts)]
  const names = (await Array.fromAsync(glob(pattern))).sort()
  const files = await Promise.all(
    names.map(async (name) => {
      const match = await stat(name).catch(() => null)
      return match === null || match.isDirectory() ? [] : [describeFile(name, match)]
    }),
  )
  return files.flat()
}

function describeFile(name: string, facts: { isFile(): boolean; size: number }): InputFile {
  // Pipes, and the files of /proc, say 0 and have content.
  return { name: path.normalize(name), bytes: facts.isFile() && facts.size > 0 ? facts.size : null }
}

/** The file's bytes in portions of about `portionBytes`. */
export function readInput(file: InputFile, portionBytes: number): Readable {
  if (file.name === stdinName) return process.stdin
  return createReadStream(file.name, { highWaterMark: Math.max(portionBytes, 64 * 1024) })
}
