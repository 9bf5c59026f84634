import { PlaceholderFinder } from './placeholders.ts'

/** Puts the originals of a vault back into a text. */
export function restoreText(text: string, vault: ReadonlyMap<string, string>): string {
  return new PlaceholderFinder(vault).replace(text)
}

/** Puts the originals back into the strings of a JSON document; what has no placeholder stays as it is written. */
export function restoreJson(json: string, vault: ReadonlyMap<string, string>): string {
  const finder = new PlaceholderFinder(vault)
  if (finder.isEmpty) return json
  const value: unknown = JSON.parse(json)
  let changed = false
  const restored = mapStrings(value, (text, name) => {
    const after = name === 'arguments' ? finder.replace(text, encodeInJson) : finder.replace(text)
    changed ||= after !== text
    return after
  })
  return changed ? JSON.stringify(restored) : json
}

/** Tool-call arguments are JSON inside a string: an original with a quote must not end the string around it. */
export function encodeInJson(original: string): string {
  return JSON.stringify(original).slice(1, -1)
}

function mapStrings(value: unknown, map: (text: string, name: string) => string, name = ''): unknown {
  if (typeof value === 'string') return map(value, name)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapStrings(item, map, key)]))
}
