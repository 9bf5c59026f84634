/** Where a value stands in the configuration: keys of mappings, indexes of lists. */
export type ConfigPath = readonly (string | number)[]

/** One thing wrong with a configuration file, or worth knowing about it. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `models.x.deployments[0].pool`; empty for what concerns the file as a whole. */
  readonly key: string
  /** Never contains a secret, nor a value that came from the environment or another file. */
  readonly message: string
}

/** A problem before it has a place in a file. The value is shown only where that gives nothing away. */
export interface Finding {
  readonly path: ConfigPath
  readonly message: string
  /** Follows the message in quotes. */
  readonly value?: string | undefined
  /** Follows the value: what is allowed, what to do. */
  readonly advice?: string
  /** The name at the end of the path is at fault, whatever its value is. */
  readonly isAboutName?: true
}

/** The configuration cannot be used. `problems` has every reason, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** `sluice.yaml:12:7 models.x.deployments[0].pool: unknown pool "stduio"; allowed: studio, cloud` */
export function formatProblem(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return problem.key === '' ? `${place} ${problem.message}` : `${place} ${problem.key}: ${problem.message}`
}

/** `models.x.deployments[0].pool`; a name with dots or other signs is quoted: `models["llama3.1:8b"]`. */
export function formatPath(path: ConfigPath): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`
      return /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`
    })
    .join('')
    .replace(/^\./, '')
}

export function compareProblems(left: ConfigProblem, right: ConfigProblem): number {
  return left.line - right.line || left.column - right.column
}
