import { encodeInJson, isJson, isJsonDocument, mapJsonLiterals } from './json-literals.ts'
import { PlaceholderReader } from './placeholders.ts'
import { TextRestorer } from './text-restorer.ts'

/** Puts the originals of a vault back into a text. */
export function restoreText(text: string, vault: ReadonlyMap<string, string>): string {
  return restoreWith(new PlaceholderReader(vault), text, asWritten)
}

/**
 * Puts the originals back into the strings of a JSON document, tool-call arguments and other JSON inside them too. What
 * has no placeholder stays as it is written, sign for sign.
 */
export function restoreJson(json: string, vault: ReadonlyMap<string, string>): string {
  const reader = new PlaceholderReader(vault)
  if (!reader.mayOccurIn(json)) return json
  return mapJsonLiterals(json, ({ kind, text, under }) => {
    if (kind === 'number' || !reader.mayOccurIn(text)) return null
    const restored = restoreWith(reader, text, encodingFor(text, kind === 'string' && under === 'arguments'))
    return restored === text ? null : restored
  })
}

function restoreWith(reader: PlaceholderReader, text: string, encode: (original: string) => string): string {
  if (!reader.mayOccurIn(text)) return text
  const restorer = new TextRestorer(reader, encode)
  return restorer.push(text) + restorer.end()
}

function encodingFor(text: string, isArguments: boolean): (original: string) => string {
  if (isArguments) return encodeInJson
  return isJsonDocument(text) ? fitIntoJson : asWritten
}

function asWritten(original: string): string {
  return original
}

/**
 * An answer that is JSON stays JSON. An original that was itself taken from inside a JSON text has its escapes already;
 * one with a line end or a quote would end the string it stands in.
 */
function fitIntoJson(original: string): string {
  return isJson(`"${original}"`) ? original : encodeInJson(original)
}
