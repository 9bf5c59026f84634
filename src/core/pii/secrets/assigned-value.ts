/** What a name is followed by: `name=value`, `"name": "value"`, `<name>value<`, `name => 'value'`, `--name value`. */
export interface AssignedValue {
  readonly start: number
  readonly end: number
  readonly value: string
  readonly isQuoted: boolean
  /** The sign between name and value: `=`, `:`, `>`; empty when a blank is all. */
  readonly operator: string
  /** Blanks around the sign, as in code and prose. */
  readonly isSpaced: boolean
}

const lead = String.raw`["'\x60\])\\*]{0,4}`
// `password: str = "…"` in typed languages.
const typed = String.raw`(?::[ \t]{0,2}[&?\w<>|[\].]{1,24}[ \t]{0,3}(?==[ \t]{0,3}["'\x60]))?`
// `<add key="Password" value="…"/>`, `- name: DB_PASSWORD⏎  value: …`, `"name": "DB_PASSWORD", "value": "…"`
const pair = String.raw`["']?,?\s{1,24}["']?(?:value|content)["']?[ \t]?(?<pair>[=:])`
const sign = String.raw`(?<before>[ \t]{0,16})(?<sign>:=|=>|\?=|={1,2}|::?|>|\|\||,(?=[ \t]{0,4}["']))`
const operator = new RegExp(String.raw`(?:${pair}|${lead}${typed}${sign})(?<after>[ \t]{0,16})`, 'y')
const opening = /\\?["'`]/y
const quoted = { '"': /[^"\\\n]{1,400}(?:\\.[^"\\\n]{0,400}){0,8}/y, "'": /[^'\n]{1,400}/y, '`': /[^`\n]{1,400}/y }
const escaped = /[^"'`\\\n]{1,400}/y
const bare = /[^\s"'`<>]{1,400}/y
/** Where the next of several `name=value` starts, and a line end that is written out. */
const next = /[,;&|](?=[\w.$" -]{1,40}[=:])|\\[nrt]|\\?$/
const tail = /[,;.)\]}]+$/

/**
 * Keeps reading linear: where names follow each other without a blank, each would be read up to the end of the longest
 * value. A few readings that lie over each other are enough for `set=db.password=…`.
 */
export class ReadingLimit {
  #end = 0
  #count = 0

  /** Whether what stands at `start` may be read. */
  allows(start: number): boolean {
    if (start >= this.#end) this.#count = 0
    return this.#count < mostReadings
  }

  /** Says that something was read up to `end`. */
  note(end: number): void {
    this.#end = Math.max(this.#end, end)
    this.#count += 1
  }
}

const mostReadings = 4

/** Reads the value that is assigned to a name that ends at `from`; null when none is. */
export function readAssigned(text: string, from: number): AssignedValue | null {
  operator.lastIndex = from
  const match = operator.exec(text)
  if (!match) return null
  const { before = '', after = '', sign: own, pair: paired } = match.groups ?? {}
  const found = readValue(text, operator.lastIndex, {
    operator: own ?? paired ?? '',
    isSpaced: before !== '' || (own !== ':' && after !== ''),
  })
  // The sign of an element of XML, which has to end.
  return own === '>' && found && !text.startsWith('</', found.end) ? null : found
}

/** Reads a value that starts at `from`, in quotes or up to the next blank. */
export function readValue(
  text: string,
  from: number,
  how: { operator: string; isSpaced: boolean } = { operator: '', isSpaced: true },
): AssignedValue | null {
  opening.lastIndex = from
  const quote = opening.exec(text)?.[0]
  const start = from + (quote?.length ?? 0)
  const pattern = patternFor(quote)
  pattern.lastIndex = start
  const found = pattern.exec(text)?.[0]
  if (found === undefined) return null
  const value = quote === undefined ? cutBare(found) : found
  return { start, end: start + value.length, value, isQuoted: quote !== undefined, ...how }
}

function patternFor(quote: string | undefined): RegExp {
  if (quote === undefined) return bare
  if (quote.length > 1) return escaped
  return quote === '"' || quote === "'" || quote === '`' ? quoted[quote] : bare
}

function cutBare(found: string): string {
  const cut = next.exec(found)
  const value = cut ? found.slice(0, cut.index) : found
  return value.replace(tail, '')
}
