import { isErrorOrWorse, type Severity, severities } from './severity.ts'

/** A template with where its lines are, in entries of the log, counted from 0. */
export interface PlacedTemplate {
  readonly template: string
  readonly severity: Severity
  readonly positions: readonly number[]
}

export interface Anomaly {
  readonly template: string
  readonly count: number
  /** Why it is one, in words and figures. */
  readonly reason: string
}

/** In a shorter log everything is rare. */
const minEntries = 50
const maxAnomalies = 8
const maxPerKind = 4
/** Bursts are looked for in each of so many equal parts of the log. */
const burstParts = 20
const minBurst = 5
/** How near to an error a line must be to go with it. */
const nearEntries = 2
/** A coincidence less likely than this is none. */
const significance = 0.001

/**
 * What stands out in a log, and why: errors that come in a burst, templates that occur next to errors only, and
 * templates that hardly occur. `timesMs` has the time of each entry where it is known.
 */
export function findAnomalies(
  templates: readonly PlacedTemplate[],
  timesMs: readonly (number | null)[],
): readonly Anomaly[] {
  if (timesMs.length < minEntries) return []
  const found = [
    ...findBursts(templates, timesMs),
    ...findCompanions(templates, timesMs.length),
    ...findRare(templates, timesMs.length),
  ]
  const seen = new Set<string>()
  const distinct = found.filter(({ template }) => !seen.has(template) && seen.add(template))
  return distinct.slice(0, maxAnomalies)
}

/** Error templates of which far more than a fair share falls into one twentieth of the time, or of the lines. */
function findBursts(templates: readonly PlacedTemplate[], timesMs: readonly (number | null)[]): Anomaly[] {
  const clock = clockOf(timesMs)
  return templates
    .filter(({ severity, positions }) => isErrorOrWorse(severity) && positions.length >= minBurst)
    .map((template) => ({ template, most: mostInWindow(template.positions.map(clock.at), clock.window) }))
    .filter(({ template, most }) => isBurst(most, template.positions.length))
    .sort((left, right) => right.most - left.most)
    .slice(0, maxPerKind)
    .map(({ template, most }) => ({
      template: template.template,
      count: template.positions.length,
      reason: `burst of errors: ${most} of its ${template.positions.length} fall within ${clock.describe}, one part in ${burstParts} of the log`,
    }))
}

/** Four standard deviations over the mean of a Poisson process, and three times the mean. */
function isBurst(most: number, count: number): boolean {
  const expected = count / burstParts
  return most >= minBurst && most > 3 * expected && most > expected + 4 * Math.sqrt(expected)
}

/** Measures in time where the log is in order of time, else in lines. */
function clockOf(timesMs: readonly (number | null)[]) {
  const elapsed = inOrder(timesMs)
  const spanMs = elapsed === null ? 0 : (elapsed.at(-1) ?? 0) - (elapsed[0] ?? 0)
  if (elapsed === null || spanMs < burstParts * 1000) {
    const entries = Math.ceil(timesMs.length / burstParts)
    return { at: (position: number) => position, window: entries, describe: `${entries} entries in a row` }
  }
  const window = spanMs / burstParts
  return { at: (position: number) => elapsed[position] ?? 0, window, describe: describeDuration(window) }
}

/** The times made monotonic, or null if that takes more than a few corrections: several writers share most logs. */
function inOrder(timesMs: readonly (number | null)[]): readonly number[] | null {
  const first = timesMs.find((time) => time !== null) ?? null
  if (first === null) return null
  let latest = first
  let corrected = 0
  const elapsed = timesMs.map((time) => {
    if (time === null || time < latest) corrected += 1
    else latest = time
    return latest
  })
  return corrected <= timesMs.length / 10 ? elapsed : null
}

function describeDuration(durationMs: number): string {
  const minutes = durationMs / 60_000
  if (minutes < 2) return `${Math.round(durationMs / 1000)} seconds`
  return minutes < 120 ? `${Math.round(minutes)} minutes` : `${Math.round(minutes / 60)} hours`
}

function mostInWindow(sorted: readonly number[], window: number): number {
  let start = 0
  let most = 0
  for (const [end, value] of sorted.entries()) {
    while (value - (sorted[start] ?? value) >= window) start += 1
    most = Math.max(most, end - start + 1)
  }
  return most
}

/** Harmless templates that are found near errors every time, more often than chance would have it. */
function findCompanions(templates: readonly PlacedTemplate[], entries: number): Anomaly[] {
  const near = new Uint8Array(entries)
  for (const { severity, positions } of templates) {
    if (!isErrorOrWorse(severity)) continue
    for (const position of positions) near.fill(1, Math.max(0, position - nearEntries), position + nearEntries + 1)
  }
  const share = near.reduce((sum, value) => sum + value, 0) / entries
  // Where most lines are near an error, being near one says nothing.
  if (share > 0.5) return []
  const percent = Math.max(1, Math.round(share * 100))
  return templates
    .filter(({ severity, positions }) => {
      const isCompanion = !isErrorOrWorse(severity) && positions.every((position) => near[position] === 1)
      return isCompanion && share ** positions.length < significance
    })
    .sort((left, right) => right.positions.length - left.positions.length)
    .slice(0, maxPerKind)
    .map(({ template, positions }) => ({
      template,
      count: positions.length,
      reason: `only with errors: each of its ${positions.length} is within ${nearEntries} lines of an error, where ${percent} % of all lines are`,
    }))
}

/** The severest of the templates that occur once, or twice in a long log. */
function findRare(templates: readonly PlacedTemplate[], entries: number): Anomaly[] {
  const most = entries >= 1000 ? 2 : 1
  const rare = templates.filter(({ positions }) => positions.length <= most)
  return rare
    .sort((left, right) => severities.indexOf(left.severity) - severities.indexOf(right.severity))
    .slice(0, maxPerKind)
    .map(({ template, severity, positions }) => ({
      template,
      count: positions.length,
      reason: `rare: ${positions.length} of ${entries} entries${severity === 'none' ? '' : `, ${severity}`} (one of ${rare.length} rare templates)`,
    }))
}
