import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isScalar, type Scalar } from 'yaml'
import { findContradictions } from './cross-checks.ts'
import { schemaAt } from './json-schema.ts'
import { ConfigError, type ConfigPath, type ConfigProblem, compareProblems, type Finding } from './problems.ts'
import {
  describeReadError,
  hasReferences,
  type ReferenceSources,
  replaceReferences,
  UnresolvedReference,
} from './references.ts'
import { type Config, configSchema } from './schema.ts'
import { findSchemaIssues } from './schema-issues.ts'
import { findUnusable, isPlainSecret, isSecretPath, plainSecretMessage } from './warnings.ts'
import { parseYaml, type YamlSource } from './yaml-source.ts'

export interface LoadedConfig {
  readonly config: Config
  /** What is accepted but not as it may seem, in the order of the file. */
  readonly warnings: readonly ConfigProblem[]
}

/**
 * Reads, completes and checks a configuration file. `file` appears in problems as it is given here; `env` is what
 * `${NAME}` is looked up in. Throws `ConfigError` with every problem at once, except that what is no YAML is checked
 * no further.
 */
export async function loadConfig(options: { file: string; env: ReferenceSources['env'] }): Promise<LoadedConfig> {
  return checkText({ ...options, text: await readText(options.file) })
}

/** The same of a text that is not in a file yet; relative paths start where the file will be. */
export async function checkText(options: {
  file: string
  text: string
  env: ReferenceSources['env']
}): Promise<LoadedConfig> {
  const { file, text, env } = options
  const source = parseYaml(file, text)
  const replaced = await replaceAll(source, { env, folder: dirname(file) })
  const value = source.toPlain()

  const toProblem = (finding: Finding) => source.problemAt(finding.path, describe(finding, source, replaced))
  const found = [...findSchemaIssues(value), ...findContradictions(value)]
    // Of a value that could not be had, only that is worth saying.
    .filter(({ path, isAboutName }) => isAboutName || !isIn(replaced.failed, source.locate(path).node))
    .map(toProblem)
  const problems = [...source.problems, ...replaced.problems, ...found]
  if (problems.length > 0) throw new ConfigError(problems.sort(compareProblems))

  const config = configSchema.parse(value)
  const warnings = findUnusable(config).map(toProblem)
  return { config, warnings: [...warnings, ...plainSecrets(source, replaced)].sort(compareProblems) }
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    const message = `cannot be read: ${describeReadError(error)}`
    throw new ConfigError([{ file, line: 1, column: 1, key: '', message }])
  }
}

/** What became of the values with `${…}`. */
interface Replaced {
  /** Their text comes from elsewhere and is never shown. */
  readonly done: ReadonlySet<Scalar>
  readonly failed: ReadonlySet<Scalar>
  readonly problems: readonly ConfigProblem[]
}

async function replaceAll(source: YamlSource, sources: ReferenceSources): Promise<Replaced> {
  const done = new Set<Scalar>()
  const failed = new Set<Scalar>()
  const problems: ConfigProblem[] = []
  for (const { path, scalar } of source.scalars) {
    if (typeof scalar.value !== 'string' || !hasReferences(scalar.value)) continue
    try {
      scalar.value = toExpectedType(await replaceReferences(scalar.value, sources), path)
      done.add(scalar)
    } catch (error) {
      if (!(error instanceof UnresolvedReference)) throw error
      failed.add(scalar)
      problems.push(source.problemAt(path, error.message))
    }
  }
  return { done, failed, problems }
}

/** The environment knows only text; where the schema wants a number or true or false, text that is one will do. */
function toExpectedType(text: string, path: ConfigPath): string | number | boolean {
  const type = schemaAt(path)?.type
  if ((type === 'integer' || type === 'number') && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** The message with the value where that may be shown: not if it is a secret or came from elsewhere. */
function describe(finding: Finding, source: YamlSource, replaced: Replaced): string {
  const { path, message, value, advice } = finding
  const shown = value === undefined ? '' : ` "${mayShow(path, source, replaced) ? value.slice(0, 200) : '***'}"`
  return `${message}${shown}${advice === undefined ? '' : `; ${advice}`}`
}

function mayShow(path: ConfigPath, source: YamlSource, replaced: Replaced): boolean {
  const { node } = source.locate(path)
  return node !== undefined && !isIn(replaced.done, node) && !isSecretPath(path)
}

function isIn(scalars: ReadonlySet<Scalar>, node: unknown): boolean {
  return isScalar(node) && scalars.has(node)
}

function plainSecrets(source: YamlSource, replaced: Replaced): ConfigProblem[] {
  return source.scalars
    .filter(({ path, scalar }) => !replaced.done.has(scalar) && isPlainSecret(path, scalar.value))
    .map(({ path }) => source.problemAt(path, plainSecretMessage))
}
