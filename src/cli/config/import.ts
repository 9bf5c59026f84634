import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { type Imported, importLiteLlm } from '../../config/import/import-litellm.ts'
import { type Level, levels, type ReportEntry } from '../../config/import/report.ts'
import { ConfigError, formatProblem } from '../../config/problems.ts'
import { describeReadError } from '../../config/references.ts'
import { FileError, UsageError } from '../client/failures.ts'
import { printJson, printLine } from '../client/run-command.ts'

export interface ImportFlags {
  readonly out?: string
  readonly strict?: true
  readonly json?: true
}

/** Reads a LiteLLM file, writes `sluice.yaml`, says what became of the rest. Returns the exit code. */
export async function importConfig(file: string, flags: ImportFlags): Promise<number> {
  const { out } = flags
  if (out !== undefined && existsSync(out)) throw new UsageError(`${out} is there already; nothing was written.`)
  const imported = await read(file)
  if (imported === null) return 1
  const { yaml, report, problems } = imported
  if (out !== undefined && yaml !== '') {
    await writeFile(out, yaml, { flag: 'wx' }).catch((error: unknown) => {
      throw new FileError(out, describeReadError(error), { cause: error })
    })
  }
  if (flags.json) printJson({ file, out: out ?? null, ok: yaml !== '' && problems.length === 0, ...imported })
  else show(file, imported, out)
  const isIncomplete = flags.strict === true && report.some(({ level }) => level === 'lost')
  return yaml === '' || problems.length > 0 || isIncomplete ? 1 : 0
}

/** Null where the file cannot be read or is no YAML, which is then said. */
async function read(file: string): Promise<Imported | null> {
  try {
    const text = await readText(file)
    return await importLiteLlm({
      file,
      text,
      readInclude: async (path, from) => {
        const included = resolve(dirname(from), path)
        return { file: relative('', included), text: await readText(included) }
      },
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) printLine(formatProblem(problem))
    return null
  }
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    const message = `cannot be read: ${describeReadError(error)}`
    throw new ConfigError([{ file, line: 1, column: 1, key: '', message }])
  }
}

const headings: Readonly<Record<Level, string>> = {
  lost: 'Not carried over',
  changed: 'Carried over, but not quite the same',
  needed: 'To be supplied',
  native: 'Needs no key: it is always so',
}

/** The configuration goes to stdout where no file is named, and the report then to stderr. */
function show(file: string, { yaml, report, variables, problems }: Imported, out: string | undefined): void {
  if (out === undefined) process.stdout.write(yaml)
  const lines = levels.flatMap((level) => {
    const entries = report.filter((entry) => entry.level === level)
    return entries.length === 0
      ? []
      : ['', `${headings[level]} (${entries.length}):`, ...entries.map((entry) => describe(entry, file))]
  })
  if (variables.length > 0) {
    lines.push('', 'Variables that the result reads:')
    for (const { name, purpose } of variables) lines.push(`  ${name}  ${purpose}`)
  }
  if (problems.length > 0)
    lines.push('', 'The result is not valid, which should not be:', ...problems.map(formatProblem))
  const counts = levels.map((level) => `${level}: ${report.filter((entry) => entry.level === level).length}`)
  const where = out === undefined ? '' : ` → ${out}`
  lines.push(
    '',
    yaml === '' ? `${file}: nothing to write; ${counts.join(', ')}` : `${file}${where}; ${counts.join(', ')}`,
  )
  const text = lines.join('\n').replace(/^\n/, '')
  const stream = out === undefined ? process.stderr : process.stdout
  stream.write(`${text}\n`)
}

function describe({ file, path, why, advice }: ReportEntry, main: string): string {
  const place = file === main && path !== '' ? path : path === '' ? file : `${file}: ${path}`
  return `  ${place}: ${why}${advice === '' ? '' : `; ${advice}`}`
}
