/**
 * `npm run eval:pii -- FILE.jsonl …`: how well the built-in detector finds what a file of labelled texts says is there.
 * `--logs FILE …`: what it finds in logs, where nearly everything that it finds is wrong. Files stay where they are, and
 * nothing is sent anywhere.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { type Entity, entities } from '../../src/core/pii/entities.ts'
import { isProfileName, profileNames, profiles } from '../../src/core/pii/profiles.ts'
import { cpuMs } from './cpu-clock.ts'
import { findFiles, nameOf, readLabelled } from './labelled-texts.ts'
import { commonWordsOf, Score } from './score.ts'
import { formatLogs, formatMistakes, formatScore, formatTotal, type LogReport, toJson } from './tables.ts'

const usage = `Usage: npm run eval:pii -- FILE.jsonl|FOLDER … [options]
       npm run eval:pii -- --logs FILE|FOLDER … [options]
  --label LABEL    only this label
  --profile NAME   ${profileNames.join(', ')} (default: strict)
  --errors N       print up to N misses and N false finds per label, with the text around them
  --limit N        only the first N records of each file
  --brief          one line per file
  --json           print JSON`

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    label: { type: 'string' },
    profile: { type: 'string', default: 'strict' },
    errors: { type: 'string' },
    limit: { type: 'string' },
    brief: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    logs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const limit = flags.limit === undefined ? Number.POSITIVE_INFINITY : Number(flags.limit)
const errors = Number(flags.errors ?? 0)

if (flags.help || positionals.length === 0 || !isProfileName(flags.profile) || Number.isNaN(limit + errors)) {
  process.stderr.write(`${usage}\n`)
  process.exit(flags.help ? 0 : 2)
}
const enabled: ReadonlySet<Entity> = profiles[flags.profile]
const detector = createBuiltinDetector({ entities: enabled })
const print = (text: string) => process.stdout.write(`${text}\n`)

if (flags.logs) evaluateLogs(findFiles(positionals, '.log'))
else evaluateLabelled(findFiles(positionals, '.jsonl'))

function evaluateLabelled(files: readonly string[]): void {
  const detectable = new Set<string>(entities.filter((entity) => enabled.has(entity)))
  const options = { detectable, label: flags.label, brief: flags.brief }
  const scores: { name: string; score: Score }[] = []
  for (const file of files) {
    const texts = readLabelled(file, limit)
    warmUp(texts.map(({ text }) => text))
    const score = new Score(commonWordsOf(texts), { keepsMistakes: errors > 0 })
    // In one go, because the clock of CPU time ticks only every few milliseconds.
    const started = cpuMs()
    const found = texts.map(({ text }) => detector.detect([{ name: '', text }])[0] ?? [])
    score.seconds = (cpuMs() - started) / 1000
    for (const [index, record] of texts.entries()) score.add(record, found[index] ?? [])
    scores.push({ name: nameOf(file), score })
    if (flags.json) continue
    print(formatScore(nameOf(file), score, options))
    if (errors > 0) print(formatMistakes(score, { ...options, count: errors }))
  }
  if (flags.json) print(toJson(scores, options))
  else if (scores.length > 1) print(formatTotal(scores, options))
}

/** Texts of the size of a request, cut at line ends. */
function evaluateLogs(files: readonly string[]): void {
  const reports: LogReport[] = files.map((file) => {
    const lines = readFileSync(file, 'utf8').split('\n')
    const chunks: string[] = []
    for (let from = 0; from < Math.min(limit, lines.length); from += 40) {
      chunks.push(lines.slice(from, Math.min(limit, from + 40)).join('\n'))
    }
    warmUp(chunks)
    const report: LogReport = {
      name: nameOf(file),
      bytes: 0,
      lines: Math.min(limit, lines.length),
      seconds: 0,
      found: {},
    }
    const started = cpuMs()
    const found = chunks.map((text) => detector.detect([{ name: '', text }])[0] ?? [])
    report.seconds = (cpuMs() - started) / 1000
    for (const [index, text] of chunks.entries()) {
      report.bytes += Buffer.byteLength(text)
      for (const { entity, start, end } of found[index] ?? []) {
        if (flags.label !== undefined && flags.label !== entity) continue
        const values = report.found[entity] ?? []
        report.found[entity] = values
        values.push(text.slice(start, end))
      }
    }
    return report
  })
  print(flags.json ? JSON.stringify(reports) : formatLogs(reports, errors))
}

/** The compiler has to see the code before anything counts, as in a worker that runs for days. */
function warmUp(texts: readonly string[]): void {
  let units = 0
  for (const text of texts) {
    if (units > 300_000) return
    units += text.length
    detector.detect([{ name: '', text }])
  }
}
