import {
  isSourceList,
  isSourceMap,
  type Source,
  type SourceList,
  type SourceMap,
  type SourceValue,
} from './read-source.ts'
import type { Level, Place, Report } from './report.ts'

/**
 * A mapping of the file that is imported, read key by key. It knows which keys somebody has asked for; `reportRest`
 * tells of all others, so that none is lost in silence.
 */
export class Section {
  readonly place: Place
  readonly #map: SourceMap
  readonly #asked = new Set<string>()
  readonly report: Report
  readonly #source: Pick<Source, 'placeOf'>

  constructor(map: SourceMap, place: Place, source: Pick<Source, 'placeOf'>, report: Report) {
    this.#map = map
    this.place = place
    this.#source = source
    this.report = report
  }

  get keys(): readonly string[] {
    return Object.keys(this.#map)
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#map, key) && this.#map[key] !== null
  }

  placeOf(key: string | number): Place {
    return { file: this.place.file, path: [...this.place.path, key] }
  }

  tell(level: Level, key: string, why: string, advice?: string): void {
    this.report.add(level, this.placeOf(key), why, advice)
  }

  take(key: string): SourceValue | undefined {
    this.#asked.add(key)
    return this.has(key) ? this.#map[key] : undefined
  }

  text(key: string): string | undefined {
    const value = this.take(key)
    if (value === undefined) return undefined
    if (typeof value === 'string') return value.trim()
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.#misread(key, 'text')
    return undefined
  }

  /** A number, also one in quotes. */
  number(key: string): number | undefined {
    const value = this.take(key)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number === 'number' && Number.isFinite(number)) return number
    this.#misread(key, 'a number')
    return undefined
  }

  /** True or false, also as a word. */
  flag(key: string): boolean | undefined {
    const value = this.take(key)
    if (value === undefined || typeof value === 'boolean') return value
    const word = typeof value === 'object' ? '' : String(value).trim().toLowerCase()
    if (['true', 'yes', 'on', '1'].includes(word)) return true
    if (['false', 'no', 'off', '0'].includes(word)) return false
    this.#misread(key, 'true or false')
    return undefined
  }

  section(key: string): Section | undefined {
    const value = this.take(key)
    if (value === undefined) return undefined
    if (isSourceMap(value))
      return new Section(value, this.#source.placeOf(value) ?? this.placeOf(key), this.#source, this.report)
    this.#misread(key, 'a mapping')
    return undefined
  }

  /** A list; one value stands for a list of one. */
  list(key: string): SourceList {
    const value = this.take(key)
    if (value === undefined) return []
    return isSourceList(value) ? value : [value]
  }

  texts(key: string): string[] {
    return this.list(key).flatMap((item) =>
      typeof item === 'string' || typeof item === 'number' ? [String(item).trim()] : [],
    )
  }

  /** The mappings of a list; what is none is reported. */
  sections(key: string): Section[] {
    return this.list(key).flatMap((item, index) => {
      const place = { file: this.place.file, path: [...this.place.path, key, index] }
      if (isSourceMap(item)) return [new Section(item, this.#source.placeOf(item) ?? place, this.#source, this.report)]
      this.report.add('lost', place, 'is not a mapping', 'look at what was meant')
      return []
    })
  }

  /** Tells of every key that nobody asked for: by what is known of it, or as unknown. */
  reportRest(known: Readonly<Record<string, Known>> = {}): void {
    for (const key of this.keys) {
      if (this.#asked.has(key) || !this.has(key)) continue
      const entry = Object.hasOwn(known, key) ? known[key] : undefined
      const [level, why, advice] = entry ?? unknown
      // What is turned off is no loss. That a model lacks something is.
      if (entry && this.#map[key] === false && !key.startsWith('supports_')) this.tell('native', key, 'is off here too')
      else if (key.startsWith('x-')) this.tell('native', key, 'only holds what is used elsewhere in the file')
      else this.tell(level, key, why, advice)
    }
  }

  #misread(key: string, expected: string): void {
    this.tell('lost', key, `is not ${expected}`, 'correct it and import again, or set it by hand')
  }
}

/** What is said of a key that is not carried over. */
export type Known = readonly [level: Level, why: string, advice?: string]

const unknown: Known = ['lost', 'is not known to the importer', 'see in LiteLLM’s documentation what it did']
