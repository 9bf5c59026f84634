import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** The words as a shell takes them; wildcards stay closed to it, as they were when the command was given. */
export function quoteWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ')
}

/** How this program can be called from here: `sluice` where that is on the PATH, otherwise by its path. */
export function programName(env: NodeJS.ProcessEnv, cwd: string): string {
  const own = path.resolve(import.meta.dirname, '../../../bin/sluice')
  const onPath = (env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, 'sluice'))
    .some((candidate) => existsSync(candidate) && realpathSync(candidate) === own)
  if (onPath) return 'sluice'
  const relative = path.relative(cwd, own)
  return quoteWords([relative.startsWith('..') ? own : relative])
}
