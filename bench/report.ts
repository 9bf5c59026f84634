/** The tables. Every figure is a median over rounds; every ratio is the median of the rounds' own ratios. */
import Table from 'cli-table3'
import type { MachineFacts } from './machine.ts'
import { type Measurement, type Row, rows } from './measure.ts'
import { median, medianRatio } from './statistics.ts'
import { type SystemName, systemNames } from './systems.ts'

export interface RunRecord {
  readonly machine: MachineFacts
  readonly rounds: number
  readonly secondsPerMeasurement: number
  readonly jobs: number
  /** Systems that could not be started, and why. */
  readonly missing: Readonly<Partial<Record<SystemName, string>>>
  readonly measurements: readonly Measurement[]
}

/** What a machine that does nothing else spends on itself, generously. */
const quietCores = 0.15

type Figure = (measurement: Measurement) => number

const perSecond: Figure = (measurement) => measurement.perSecond
const p50Ms: Figure = (measurement) => measurement.p50Ms

interface Target {
  readonly title: string
  readonly row: Row['id']
  readonly figure: Figure
  readonly better: 'higher' | 'lower'
  readonly required: number
  readonly goal: number
}

const targets: readonly Target[] = [
  { title: 'req/s at c=64', row: 'chat-64', figure: perSecond, better: 'higher', required: 1, goal: 1.5 },
  { title: 'p50 at c=1', row: 'chat-1', figure: p50Ms, better: 'lower', required: 1.5, goal: 1.2 },
]

export function formatReport(record: RunRecord): string {
  const kinds = ['chat', 'stream', 'jobs'] as const
  const tables = kinds.map((kind) => kindTable(record, kind)).filter((text) => text !== null)
  return [machineLines(record), ...tables, targetLines(record), noteLines(record)].join('\n\n')
}

function machineLines({ machine, rounds, secondsPerMeasurement, jobs }: RunRecord): string {
  return [
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}`,
    `${machine.redis}, append-only file, fsync every second; ${machine.portkey === null ? 'no Portkey' : `Portkey ${machine.portkey}`}`,
    `${rounds} rounds of ${secondsPerMeasurement} s per cell, ${jobs} jobs per bulk cell, ${machine.startedAt}`,
  ].join('\n')
}

interface Column {
  readonly head: string
  cell(own: readonly Measurement[], against: (other: SystemName, figure: Figure) => string): string
}

const latencyTitles = { chat: 'answer', stream: 'first token', jobs: 'accepted' } as const
const rateTitles = { chat: 'req/s', stream: 'streams/s', jobs: 'jobs/s' } as const

function columnsFor(kind: Row['kind']): readonly Column[] {
  const latency = latencyTitles[kind]
  const rate = rateTitles[kind]
  const middle = (head: string, digits: number, figure: (one: Measurement) => number | null): Column => ({
    head,
    cell: (own) => fixed(medianOrNull(own.map(figure)), digits),
  })
  const ratios = (other: SystemName, title: string): Column[] => [
    { head: `${rate}\n× ${title}`, cell: (_own, against) => against(other, perSecond) },
    { head: `p50\n× ${title}`, cell: (_own, against) => against(other, p50Ms) },
  ]
  const isJobs = kind === 'jobs'
  return [
    middle(rate, 0, perSecond),
    ...(isJobs ? [middle('accepted/s', 0, (one) => one.acceptedPerSecond)] : []),
    middle(`${latency}\np50 ms`, 2, p50Ms),
    middle(`${latency}\np99 ms`, 2, (one) => one.p99Ms),
    middle('CPU\nµs each', 0, (one) => one.cpuUsPerRequest),
    middle('of it\nRedis', 0, (one) => one.redisCpuUsPerRequest),
    ...(isJobs ? [] : ratios('portkey', 'Portkey')),
    ...ratios('two-queue', 'two-queue'),
  ]
}

function kindTable(record: RunRecord, kind: Row['kind']): string | null {
  const shown = rows.filter((row) => row.kind === kind && record.measurements.some((one) => one.row === row.id))
  if (shown.length === 0) return null
  const columns = columnsFor(kind)
  const table = new Table({
    head: [kind, 'system', ...columns.map((column) => column.head)],
    colAligns: ['left', 'left', ...columns.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  })
  for (const row of shown) for (const name of systemNames) table.push(...tableRow(record, row, name, columns))
  return table.toString()
}

function tableRow(record: RunRecord, row: Row, system: SystemName, columns: readonly Column[]): string[][] {
  const own = measurementsOf(record, row.id, system)
  const blank = columns.slice(1).map(() => '')
  if (own.length === 0) {
    const expected = system in record.missing && row.kind !== 'jobs'
    return expected ? [[row.title, system, 'missing', ...blank]] : []
  }
  if (own.some(isInvalid)) return [[row.title, system, 'invalid', ...blank]]
  const against = (other: SystemName, figure: Figure) => {
    const theirs = measurementsOf(record, row.id, other)
    if (system === 'upstream' || other === system || theirs.length === 0 || theirs.some(isInvalid)) return ''
    return `${fixed(medianRatio(own.map(figure), theirs.map(figure)), 2)}×`
  }
  return [[row.title, system, ...columns.map((column) => column.cell(own, against))]]
}

/** A row with errors compares different work; its figures would mislead. */
export function isInvalid(measurement: Measurement): boolean {
  return Object.keys(measurement.errors).length > 0 || measurement.completed === 0
}

function targetLines(record: RunRecord): string {
  const lines = targets.map((target) => {
    const sluice = measurementsOf(record, target.row, 'sluice')
    const portkey = measurementsOf(record, target.row, 'portkey')
    const valid = sluice.length > 0 && portkey.length > 0 && ![...sluice, ...portkey].some(isInvalid)
    const ratio = valid ? medianRatio(sluice.map(target.figure), portkey.map(target.figure)) : null
    const meets = (limit: number) => ratio !== null && (target.better === 'higher' ? ratio >= limit : ratio <= limit)
    const sign = target.better === 'higher' ? '≥' : '≤'
    const verdict = ratio === null ? 'not measured' : meets(target.required) ? 'met' : 'NOT MET'
    const goal = ratio === null ? '' : `, goal ${sign} ${target.goal}×: ${meets(target.goal) ? 'met' : 'not met'}`
    return `  ${target.title}: ${fixed(ratio, 2)}× Portkey; target ${sign} ${fixed(target.required, 1)}×: ${verdict}${goal}`
  })
  return ['Targets (Sluice against Portkey)', ...lines].join('\n')
}

function noteLines(record: RunRecord): string {
  const lines = Object.entries(record.missing).map(([system, why]) => `missing: ${system}: ${why}`)
  for (const one of record.measurements) {
    const errors = Object.entries(one.errors).map(([what, count]) => `${count} × ${what}`)
    if (errors.length > 0) lines.push(`invalid: ${one.row} on ${one.system}: ${errors.join(', ')}`)
  }
  const unmasked = (name: SystemName) =>
    record.measurements.filter((one) => one.system === name).reduce((sum, one) => sum + one.unmasked, 0)
  if (record.measurements.some((one) => one.system === 'sluice' && one.row.startsWith('masking'))) {
    lines.push(`e-mail addresses that Sluice let through to the upstream: ${unmasked('sluice')}`)
  }
  const busiest = (of: (one: Measurement) => boolean) =>
    fixed(Math.max(0, ...record.measurements.filter(of).map((one) => one.generatorBusy)) * 100, 0)
  const direct = busiest((one) => one.system === 'upstream')
  const through = busiest((one) => one.system !== 'upstream')
  lines.push(`load generator: at most ${through} % of one core through a system, ${direct} % on the upstream alone`)
  const foreign = record.measurements.flatMap((one) => one.foreignCores ?? [])
  if (foreign.length > 0) {
    const [middle, most] = [median(foreign), Math.max(...foreign)]
    const warning = middle > quietCores ? '; too busy for the figures to mean much' : ''
    lines.push(`other processes here used ${fixed(middle, 2)} cores (median), ${fixed(most, 2)} at worst${warning}`)
  }
  return lines.join('\n')
}

function measurementsOf(record: RunRecord, row: Row['id'], system: SystemName): readonly Measurement[] {
  return record.measurements.filter((one) => one.row === row && one.system === system)
}

function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : median(known)
}

function fixed(value: number | null, digits: number): string {
  return value === null || Number.isNaN(value) ? '–' : value.toFixed(digits)
}
