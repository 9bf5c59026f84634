import { wildcard } from './mask-variables.ts'

const maxHeaderTokens = 10
/** Fewer lines do not show what is a header and what is chance. */
const minLines = 10
/** The rest are lines of another kind: kernel messages, banners, lines cut short. */
const share = 0.9
const levelWord =
  /^\W{0,2}(?:fatal|panic|emerg|alert|crit|critical|severe|error|err|failure|warn|warning|info|notice|debug|trace)\W{0,2}$/i

/**
 * How many leading words the lines of a log have without saying anything by them: the same word (a host), a variable
 * (a process id, a node's name with digits), or the level, by which lines are told apart already.
 */
export function countHeaderTokens(lines: readonly (readonly string[])[]): number {
  if (lines.length < minLines) return 0
  let column = 0
  while (column < maxHeaderTokens && isHeaderColumn(lines, column)) column += 1
  return column
}

function isHeaderColumn(lines: readonly (readonly string[])[], column: number): boolean {
  const counts = new Map<string, number>()
  let most = 0
  for (const tokens of lines) {
    const token = tokens[column]
    // A header is followed by a message: a line's last word belongs to none.
    if (token === undefined || column === tokens.length - 1) continue
    const kind = kindOf(token)
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    if (count > most) most = count
  }
  return most >= lines.length * share
}

function kindOf(token: string): string {
  if (levelWord.test(token)) return 'level'
  return /\d/.test(token) ? wildcard : token
}
