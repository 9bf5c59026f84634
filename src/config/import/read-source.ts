/**
 * Reads a LiteLLM file as LiteLLM does: YAML 1.1, in which `yes`, `on` and `True` are true, with the last of two equal
 * keys winning. What people paste from Python is put right where its meaning is plain.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml'
import { ConfigError } from '../problems.ts'
import { findSyntaxErrors } from '../yaml-syntax.ts'
import type { Place, Report } from './report.ts'

export type SourceValue = string | number | boolean | null | SourceList | SourceMap
export interface SourceList extends ReadonlyArray<SourceValue> {}
export interface SourceMap {
  readonly [key: string]: SourceValue
}

/** A file's content, and where each of its mappings and lists stands. */
export interface Source {
  readonly root: SourceMap
  placeOf(value: SourceValue): Place | undefined
}

/** Nobody nests deeper by hand; an alias that holds itself does. */
const maxDepth = 50

/** @throws ConfigError when it is no YAML. */
export function readSource(file: string, text: string, report: Report): Source {
  const lines = new LineCounter()
  const document = parseDocument(repairPython(file, text, report), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    version: '1.1',
  })
  const faults = findSyntaxErrors(document, text)
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map(({ offset, message }) => ({ file, line: lines.linePos(offset).line, column: 1, key: '', message })),
    )
  }
  const places = new Map<SourceValue, Place>()
  const reader = new Reader(file, document, places, report)
  const root = reader.read(document.contents as Node | null, [])
  if (!isSourceMap(root)) {
    const message = 'is no LiteLLM configuration: it has no keys'
    throw new ConfigError([{ file, line: 1, column: 1, key: '', message }])
  }
  return { root, placeOf: (value) => places.get(value) }
}

export function isSourceMap(value: SourceValue | undefined): value is SourceMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isSourceList(value: SourceValue | undefined): value is SourceList {
  return Array.isArray(value)
}

/** `fallbacks=[{"a": ["b"]}]`, as LiteLLM's own documentation has it in places, would be one long word to YAML. */
function repairPython(file: string, text: string, report: Report): string {
  return text
    .split('\n')
    .map((line) => {
      const [, indent, key, value] =
        /^(\s{0,40}(?:-\s{1,4})?)([a-z_]{1,60})\s{0,4}=\s{0,4}([[{].{0,10000})$/.exec(line) ?? []
      if (indent === undefined || key === undefined || value === undefined) return line
      report.add(
        'changed',
        { file, path: [key] },
        'is written as in Python (`=`), which YAML does not know; read as `:`',
      )
      return `${indent}${key}: ${value}`
    })
    .join('\n')
}

class Reader {
  readonly #file: string
  readonly #document: Document
  readonly #places: Map<SourceValue, Place>
  readonly #report: Report

  constructor(file: string, document: Document, places: Map<SourceValue, Place>, report: Report) {
    this.#file = file
    this.#document = document
    this.#places = places
    this.#report = report
  }

  read(node: Node | null | undefined, path: readonly (string | number)[]): SourceValue {
    if (path.length > maxDepth) return null
    if (isAlias(node)) return this.read(node.resolve(this.#document), path)
    if (isScalar(node)) return toValue(node)
    if (isSeq(node))
      return this.#place(
        node.items.map((item, index) => this.read(item as Node, [...path, index])),
        path,
      )
    if (!isMap(node)) return null
    // Without a prototype a key such as `constructor` is nothing but a key.
    const map: Record<string, SourceValue> = Object.create(null)
    const merged: SourceValue[] = []
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.source ?? key.value) : String(key)
      if (name === '<<') {
        merged.push(this.read(value as Node, [...path, name]))
        continue
      }
      if (Object.hasOwn(map, name)) {
        this.#report.add(
          'changed',
          { file: this.#file, path: [...path, name] },
          'stands there twice; the last one counts',
        )
      }
      map[name] = this.read(value as Node, [...path, name])
    }
    for (const each of merged.flatMap((value) => (isSourceList(value) ? value : [value]))) {
      if (isSourceMap(each)) for (const [name, value] of Object.entries(each)) map[name] ??= value
    }
    return this.#place(map, path)
  }

  #place<Value extends SourceValue>(value: Value, path: readonly (string | number)[]): Value {
    this.#places.set(value, { file: this.#file, path })
    return value
  }
}

/** A date such as an `api_version` without quotes stays the text that it is, and so does a time in minutes. */
function toValue({ value, source }: Scalar): SourceValue {
  if (value === null || value === undefined) return null
  // Python's YAML knows no `y` and `n`, which are the names of somebody's models.
  if (typeof value === 'boolean') return /^[yn]$/i.test(source ?? '') ? (source ?? '') : value
  if (typeof value === 'number') return source?.includes(':') ? source : value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'string') return source ?? String(value)
  return value === 'None' ? null : value
}
