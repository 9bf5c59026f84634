/** Prints what `score.ts` adds up. */
import Table from 'cli-table3'
import type { Score, Tally } from './score.ts'

export interface View {
  /** Labels that the profile looks for; the others of a file are told apart. */
  readonly detectable: ReadonlySet<string>
  readonly label: string | undefined
  readonly brief: boolean
}

const plain = { head: [], border: [], 'padding-left': 0, 'padding-right': 1 }
const chars = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
  ...{ 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ' },
}
const columns = ['label', 'gold', 'found', 'P', 'R', 'F1', 'F2', 'hid', 'leak', 'FP/MB']

function table(head: readonly string[]) {
  const colAligns = head.map((_, index) => (index === 0 ? 'left' : 'right') as 'left' | 'right')
  return new Table({ head: [...head], colAligns, style: plain, chars })
}

interface Rates {
  readonly gold: number
  readonly found: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly f2: number
  readonly hid: number
  readonly leakRate: number
  readonly falsePerMb: number
}

function ratesOf(tally: Tally, bytes: number): Rates {
  const precision = tally.right / tally.found
  const recall = tally.hit / tally.gold
  return {
    gold: tally.gold,
    found: tally.found,
    precision,
    recall,
    f1: fOf(precision, recall, 1),
    f2: fOf(precision, recall, 2),
    hid: tally.hid / tally.gold,
    leakRate: tally.leaked / tally.values,
    falsePerMb: tally.outside / (bytes / 1e6),
  }
}

function fOf(precision: number, recall: number, beta: number): number {
  if (recall === 0 || Number.isNaN(precision)) return 0
  return ((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall)
}

function sum(tallies: readonly Tally[]): Tally {
  const total: Tally = { gold: 0, hit: 0, hid: 0, found: 0, right: 0, outside: 0, values: 0, leaked: 0 }
  for (const tally of tallies) for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key]
  return total
}

/** Labels that the file annotates and the profile looks for, those that only the file has, those that only we find. */
function sortLabels(score: Score, view: View) {
  const labels = [...score.tallies.keys()].filter((label) => view.label === undefined || label === view.label).sort()
  const isGold = (label: string) => score.tallyOf(label).gold > 0
  return {
    scored: labels.filter((label) => isGold(label) && view.detectable.has(label)),
    notLookedFor: labels.filter((label) => isGold(label) && !view.detectable.has(label)),
    notAnnotated: labels.filter((label) => !isGold(label) && score.tallyOf(label).found > 0),
  }
}

function row(label: string, rates: Rates): string[] {
  const { precision, recall, f1, f2, hid, leakRate, falsePerMb } = rates
  const shares = [precision, recall, f1, f2, hid, leakRate].map((share) =>
    Number.isNaN(share) ? '-' : share.toFixed(3),
  )
  return [label, String(rates.gold), String(rates.found), ...shares, falsePerMb.toFixed(1)]
}

function footer(score: Score): string {
  const { gold, found, agreed } = score.placed
  const precision = agreed / found
  const recall = agreed / gold
  return [
    `${(score.bytes / 1e6).toFixed(2)} MB at ${(score.bytes / 1e6 / score.seconds).toFixed(1)} MB/s`,
    `extra masked ${((100 * score.extraMasked) / score.plainUnits).toFixed(2)} %`,
    `any label, IoU >= 0.75: P ${precision.toFixed(3)} R ${recall.toFixed(3)} F2 ${fOf(precision, recall, 2).toFixed(3)}`,
  ].join(' · ')
}

export function formatScore(name: string, score: Score, view: View): string {
  const { scored, notLookedFor, notAnnotated } = sortLabels(score, view)
  const overall = sum(scored.map((label) => score.tallyOf(label)))
  const rows = table(columns)
  if (!view.brief) for (const label of scored) rows.push(row(label, ratesOf(score.tallyOf(label), score.bytes)))
  rows.push(row('overall', ratesOf(overall, score.bytes)))
  const notes = [footer(score)]
  const list = (labels: readonly string[], count: (tally: Tally) => string) =>
    labels.map((label) => `${label} ${count(score.tallyOf(label))}`).join(', ')
  if (!view.brief && notLookedFor.length > 0) {
    notes.push(`not looked for, hid: ${list(notLookedFor, ({ gold, hid }) => `${hid}/${gold}`)}`)
  }
  if (!view.brief && notAnnotated.length > 0) {
    notes.push(
      `found, not annotated here: ${list(notAnnotated, ({ found, outside }) => `${found} (${outside} outside gold)`)}`,
    )
  }
  return `\n${name}\n${rows.toString()}\n${notes.join('\n')}`
}

/** All files together; a label counts in the files that annotate it. */
export function formatTotal(scores: readonly { score: Score }[], view: View): string {
  const byLabel = new Map<string, { tallies: Tally[]; bytes: number }>()
  for (const { score } of scores) {
    for (const label of sortLabels(score, view).scored) {
      const entry = byLabel.get(label) ?? { tallies: [], bytes: 0 }
      byLabel.set(label, entry)
      entry.tallies.push(score.tallyOf(label))
      entry.bytes += score.bytes
    }
  }
  const rows = table(columns)
  const labels = [...byLabel].sort(([left], [right]) => (left < right ? -1 : 1))
  for (const [label, { tallies, bytes }] of labels) rows.push(row(label, ratesOf(sum(tallies), bytes)))
  const bytes = scores.reduce((total, { score }) => total + score.bytes, 0)
  const seconds = scores.reduce((total, { score }) => total + score.seconds, 0)
  rows.push(row('overall', ratesOf(sum(labels.flatMap(([, { tallies }]) => tallies)), bytes)))
  const speed = `${(bytes / 1e6).toFixed(2)} MB at ${(bytes / 1e6 / seconds).toFixed(1)} MB/s`
  return `\nall ${scores.length} files\n${rows.toString()}\n${speed}`
}

export function toJson(scores: readonly { name: string; score: Score }[], view: View): string {
  const files = scores.map(({ name, score }) => {
    const { scored } = sortLabels(score, view)
    const rates = (tally: Tally) => ratesOf(tally, score.bytes)
    return {
      file: name,
      bytes: score.bytes,
      mb_per_second: score.bytes / 1e6 / score.seconds,
      extra_masked: score.extraMasked / score.plainUnits,
      overall: rates(sum(scored.map((label) => score.tallyOf(label)))),
      labels: Object.fromEntries(scored.map((label) => [label, rates(score.tallyOf(label))])),
    }
  })
  return JSON.stringify({ files }, null, 2)
}

/** Up to `count` misses and `count` false finds of each label. */
export function formatMistakes(score: Score, view: View & { count: number }): string {
  const lines: string[] = []
  for (const label of [...score.tallies.keys()].sort()) {
    if (view.label !== undefined && view.label !== label) continue
    for (const kind of ['miss', 'false'] as const) {
      const mistakes = score.mistakes.filter((mistake) => mistake.label === label && mistake.kind === kind)
      // Spread over the file, so that they are not all of one record.
      const step = Math.max(1, Math.floor(mistakes.length / view.count))
      const shown = mistakes.filter((_, index) => index % step === 0).slice(0, view.count)
      lines.push(...shown.map(({ context }) => `${kind.padEnd(5)} ${label.padEnd(14)} ${context}`))
    }
  }
  return lines.join('\n')
}

export interface LogReport {
  readonly name: string
  bytes: number
  readonly lines: number
  seconds: number
  /** The found values by entity. */
  readonly found: Record<string, string[]>
}

/** How much is found in logs, by kind: in all, different values, per 1,000 lines and per MB. `samples` values are shown. */
export function formatLogs(reports: readonly LogReport[], samples: number): string {
  const blocks = reports.map(({ name, bytes, lines, seconds, found }) => {
    const rows = table(['label', 'found', 'distinct', 'per 1,000 lines', 'per MB'])
    for (const [label, values] of Object.entries(found).sort()) {
      const perMb = (values.length / (bytes / 1e6)).toFixed(1)
      const perLines = ((1000 * values.length) / lines).toFixed(2)
      rows.push([label, String(values.length), String(new Set(values).size), perLines, perMb])
    }
    const seen = Object.entries(found)
      .filter(() => samples > 0)
      .map(([label, values]) => `  ${label}: ${[...new Set(values)].slice(0, samples).map(show).join(' | ')}`)
    const speed = `${(bytes / 1e6).toFixed(2)} MB at ${(bytes / 1e6 / seconds).toFixed(1)} MB/s`
    return `\n${name}: ${lines} lines, ${speed}\n${rows.toString()}${seen.length > 0 ? `\n${seen.join('\n')}` : ''}`
  })
  return blocks.join('\n')
}

function show(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
}
