import { type ConfigPath, formatPath } from '../problems.ts'

/**
 * What became of what stands in the file that is imported, beyond what was simply carried over.
 *
 * `lost`: the result does not do it. `changed`: it does, in another way. `needed`: somebody has to supply something that
 * the file does not have, or must not have. `native`: there is no key for it, because it is always so.
 */
export const levels = ['lost', 'changed', 'needed', 'native'] as const
export type Level = (typeof levels)[number]

/** Where something stands: in which file, and there. */
export interface Place {
  readonly file: string
  readonly path: ConfigPath
}

export interface ReportEntry {
  readonly level: Level
  readonly file: string
  /** `router_settings.num_retries`; empty for the file as a whole. */
  readonly path: string
  readonly why: string
  /** What to do about it; empty where nothing has to be done. */
  readonly advice: string
}

/** Collects entries; the same one is kept once. */
export class Report {
  readonly #entries = new Map<string, ReportEntry>()

  add(level: Level, { file, path }: Place, why: string, advice = ''): void {
    const entry = { level, file, path: formatPath(path), why, advice }
    this.#entries.set(JSON.stringify(entry), entry)
  }

  /** The gravest first, otherwise in the order in which they were added. */
  get entries(): readonly ReportEntry[] {
    const all = [...this.#entries.values()]
    return levels.flatMap((level) => all.filter((entry) => entry.level === level))
  }
}
