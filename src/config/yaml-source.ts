/** A YAML text with the place of everything in it. */
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
import { ConfigError, type ConfigPath, type ConfigProblem, formatPath } from './problems.ts'
import { shieldReferences, unshieldReferences } from './references.ts'
import { findSyntaxErrors } from './yaml-syntax.ts'

/** A value that is not a mapping or a list, and where it stands. */
interface PlacedScalar {
  readonly path: ConfigPath
  readonly scalar: Scalar
}

/** What stands at a path: its key or item's position; `node` only if the path itself exists. */
interface Location {
  readonly line: number
  readonly column: number
  readonly node?: Node | undefined
}

export interface YamlSource {
  /** In the order of the file. What an alias stands for is listed once, where it is written. */
  readonly scalars: readonly PlacedScalar[]
  /** Problems with names and aliases, which do not keep the rest from being read. */
  readonly problems: readonly ConfigProblem[]
  /** The position of a path, or of its nearest ancestor that exists. */
  locate(path: ConfigPath): Location
  problemAt(path: ConfigPath, message: string): ConfigProblem
  /** The values as they are now. Throws `ConfigError` when aliases would multiply them without measure. */
  toPlain(): unknown
}

/** Reads a YAML text. Throws `ConfigError` with every syntax error. */
export function parseYaml(file: string, text: string): YamlSource {
  const lines = new LineCounter()
  // Pretty messages would quote the line, and with it what may be a secret.
  const document = parseDocument(shieldReferences(text), { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const faults = findSyntaxErrors(document, text)
  if (faults.length > 0) {
    throw new ConfigError(faults.map(({ offset, message }) => ({ file, ...place(lines, offset), key: '', message })))
  }

  const locate = (path: ConfigPath) => locateIn(document, lines, path)
  const problemAt = (path: ConfigPath, message: string): ConfigProblem => {
    const { line, column } = locate(path)
    return { file, line, column, key: formatPath(path), message }
  }
  const scalars: PlacedScalar[] = []
  const problems: ConfigProblem[] = []
  walk(document, document.contents, [], {
    onScalar: (path, scalar) => scalars.push({ path, scalar }),
    onProblem: (path, message) => problems.push(problemAt(path, message)),
  })
  const toPlain = () => {
    try {
      return document.contents === null ? {} : document.toJS({ maxAliasCount: 100 })
    } catch {
      const message = 'aliases (`*name`) repeat too much of the file, or themselves'
      throw new ConfigError(problems.length > 0 ? problems : [problemAt([], message)])
    }
  }
  return { scalars, problems, locate, problemAt, toPlain }
}

interface Visitor {
  onScalar(path: ConfigPath, scalar: Scalar): void
  onProblem(path: ConfigPath, message: string): void
}

function walk(document: Document.Parsed, node: unknown, path: ConfigPath, visitor: Visitor): void {
  if (isScalar(node)) {
    if (typeof node.value === 'string') node.value = unshieldReferences(node.value)
    visitor.onScalar(path, node)
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) walk(document, item, [...path, index], visitor)
  } else if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = nameOf(key)
      if (isScalar(key)) key.value = name
      const place = [...path, name]
      if (name.includes('${')) visitor.onProblem(place, 'references are replaced in values, not in names')
      // Libraries drop this key without a word, since it would change what an object is.
      if (name === '__proto__') visitor.onProblem(place, 'this name is not allowed')
      walk(document, value, place, visitor)
    }
  } else if (isAlias(node) && node.resolve(document) === undefined) {
    visitor.onProblem(path, 'this alias (`*name`) has no anchor (`&name`) before it')
  }
}

function nameOf(key: unknown): string {
  return unshieldReferences(String(isScalar(key) ? key.value : key))
}

function locateIn(document: Document.Parsed, lines: LineCounter, path: ConfigPath): Location {
  let node: unknown = document.contents
  let offset = 0
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document)
    const pair = isMap(node) ? node.items.find(({ key }) => nameOf(key) === part) : undefined
    const child = pair === undefined ? (isSeq(node) ? node.items[Number(part)] : undefined) : pair.value
    if (pair === undefined && child === undefined) return place(lines, offset)
    offset = startOf(pair?.key) ?? startOf(child) ?? offset
    node = child
  }
  return { ...place(lines, offset), node: isAlias(node) ? node.resolve(document) : asNode(node) }
}

function place(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function asNode(value: unknown): Node | undefined {
  return isScalar(value) || isMap(value) || isSeq(value) ? value : undefined
}

function startOf(value: unknown): number | undefined {
  const node = isAlias(value) ? value : asNode(value)
  return node?.range?.[0]
}
