import { ConfigError } from '../problems.ts'
import { isSourceList, isSourceMap, readSource, type Source, type SourceMap, type SourceValue } from './read-source.ts'
import type { Place, Report } from './report.ts'

/** The text of a file that is included, by the path that stands in the file `from`. Rejects where there is none. */
export type ReadInclude = (path: string, from: string) => Promise<{ file: string; text: string }>

const maxFiles = 100

/**
 * A file with all that it includes. LiteLLM adds included lists to its own and lets other values of an included file take
 * the place of its own; mappings are merged key by key here, so that nothing gets lost on the way.
 */
export async function readWithIncludes(
  file: string,
  text: string,
  readInclude: ReadInclude,
  report: Report,
): Promise<Source> {
  const sources: Source[] = []
  const seen = new Set<string>()
  const visit = async (name: string, content: string): Promise<SourceMap> => {
    seen.add(name)
    const source = readSource(name, content, report)
    sources.push(source)
    let root = source.root
    for (const [index, path] of includesOf(root).entries()) {
      const place = { file: name, path: ['include', index] }
      const included = await readInclude(path, name).catch(() => null)
      if (!included) {
        report.add('lost', place, `the file ${path} cannot be read`, 'put it there and import again')
      } else if (!seen.has(included.file)) {
        if (seen.size >= maxFiles) throw tooMany(name)
        root = mergeMaps(root, await visit(included.file, included.text), (key) => {
          const why = `stands in ${included.file} too, which goes before`
          report.add('changed', { file: name, path: key }, why)
        })
      }
    }
    return root
  }
  const root = await visit(file, text)
  const placeOf = (value: SourceValue): Place | undefined => {
    for (const source of sources) {
      const place = source.placeOf(value)
      if (place) return place
    }
    return undefined
  }
  return { root, placeOf }
}

function includesOf({ include }: SourceMap): string[] {
  const paths = isSourceList(include) ? include : [include]
  return paths.flatMap((path) => (typeof path === 'string' && path !== '' ? [path] : []))
}

function mergeMaps(
  own: SourceMap,
  included: SourceMap,
  onConflict: (path: readonly string[]) => void,
  path: readonly string[] = [],
): SourceMap {
  const merged: Record<string, SourceValue> = Object.assign(Object.create(null), own)
  for (const [key, value] of Object.entries(included)) {
    const before = merged[key]
    if (path.length === 0 && key === 'include') continue
    if (isSourceList(before) && isSourceList(value)) merged[key] = [...before, ...value]
    else if (isSourceMap(before) && isSourceMap(value))
      merged[key] = mergeMaps(before, value, onConflict, [...path, key])
    else {
      if (before !== undefined && before !== null && before !== value) onConflict([...path, key])
      merged[key] = value
    }
  }
  return merged
}

function tooMany(file: string): ConfigError {
  return new ConfigError([{ file, line: 1, column: 1, key: 'include', message: `more than ${maxFiles} files` }])
}
