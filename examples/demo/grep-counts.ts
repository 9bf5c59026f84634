import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { severityPatterns } from '../../src/sandbox/severity.ts'
import { projectFolder } from './sluice-process.ts'

export interface GrepCount {
  /** What is counted, in words. */
  readonly label: string
  /** Classes of Sluice's summary that add up to the same. */
  readonly classes: readonly string[] | 'all'
  /** Sets the variable that `words` has the pattern from, which builds on those before; null where none is needed. */
  readonly assignment: string | null
  /** The command as a shell takes it; the files follow. */
  readonly words: string
  readonly byFile: ReadonlyMap<string, number>
  readonly total: number
}

/** Words as the rule has them in any script, whatever the reader's own language is. */
const locale = 'C.UTF-8'

export const grepPrefix = `LC_ALL=${locale} `

/**
 * Counts lines with the machine's own grep. A line's class is the most severe one that it has a word of, so each count
 * takes in the classes above it and needs no arithmetic to be repeated.
 */
export async function countWithGrep(files: readonly string[]): Promise<GrepCount[]> {
  const all = await countLines(['-ac'], '', files)
  const counts: GrepCount[] = [{ label: 'lines', classes: 'all', assignment: null, words: "grep -ac ''", ...all }]
  let before: { severity: string; pattern: string; classes: readonly string[] } | null = null
  for (const [severity, own] of Object.entries(severityPatterns)) {
    const pattern: string = before ? `${before.pattern}|${own}` : own
    const classes: string[] = [...(before?.classes ?? []), severity]
    counts.push({
      label: before ? `${severity} or worse` : severity,
      classes,
      assignment: before ? `${severity}="$${before.severity}|"'${own}'` : `${severity}='${own}'`,
      words: `grep -aciwE "$${severity}"`,
      ...(await countLines(['-aciwE'], pattern, files)),
    })
    before = { severity, pattern, classes }
  }
  return counts
}

async function countLines(
  options: readonly string[],
  pattern: string,
  files: readonly string[],
): Promise<Pick<GrepCount, 'byFile' | 'total'>> {
  // With a second file, which is empty, grep names the files however many there are.
  const child = spawn('grep', [...options, '--', pattern, ...files, '/dev/null'], {
    cwd: projectFolder,
    env: { ...process.env, LC_ALL: locale },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  // 1 says that no line matched.
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`grep ended with code ${exitCode}`)
  const byFile = new Map<string, number>()
  for (const line of output.trimEnd().split('\n')) {
    const colon = line.lastIndexOf(':')
    const name = line.slice(0, colon)
    if (name !== '/dev/null') byFile.set(name, Number(line.slice(colon + 1)))
  }
  const total = [...byFile.values()].reduce((sum, lines) => sum + lines, 0)
  return { byFile, total }
}
