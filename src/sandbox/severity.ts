/**
 * How severe a log line is, by a rule that anyone can check with grep: a line has the most severe class of whose words
 * it contains one, case-insensitively and as a whole word. It is a rule about words: `error rate 0` counts as an error,
 * and `errors` is another word.
 *
 * A JSON line of pino or bunyan counts by its level number as well, because the patterns include it: `"level":50` is an
 * error to this module and to grep alike. Custom numbers belong to the class below them (45 is `warn`).
 *
 * To confirm the counts, most severe first: `grep -ciwE "$fatal"` is the number of fatal lines,
 * `grep -ciwE "$fatal|$error"` minus that is the number of error lines, and so on. Lines without any word are `none`.
 */
export const severityPatterns = {
  fatal: 'fatal|panic|emerg|alert|crit|critical|"level": ?6[0-9]',
  error: 'error|err|failed|failure|exception|"level": ?5[0-9]',
  warn: 'warn|warning|"level": ?4[0-9]',
  info: 'info|notice|"level": ?3[0-9]',
  debug: 'debug|trace|"level": ?[12][0-9]',
} as const

export type Severity = keyof typeof severityPatterns | 'none'

/** Most severe first. */
export const severities = ['fatal', 'error', 'warn', 'info', 'debug', 'none'] as const satisfies readonly Severity[]

interface SeverityRule {
  readonly severity: Severity
  readonly anywhere: RegExp
  readonly wholeWord: RegExp
}

const rules: readonly SeverityRule[] = Object.entries(severityPatterns).map(([severity, pattern]) => ({
  severity: severity as Severity,
  // Most lines have no word of most classes, and looking for letters alone is cheaper than looking for whole words.
  anywhere: new RegExp(pattern, 'i'),
  // What grep -w means by a word: letters, digits and the underscore, of any script.
  wholeWord: new RegExp(`(?<![\\p{L}\\p{N}_])(?:${pattern})(?![\\p{L}\\p{N}_])`, 'iu'),
}))

export function severityOf(line: string): Severity {
  for (const { severity, anywhere, wholeWord } of rules) {
    if (anywhere.test(line) && wholeWord.test(line)) return severity
  }
  return 'none'
}

export function isErrorOrWorse(severity: Severity): boolean {
  return severity === 'error' || severity === 'fatal'
}
