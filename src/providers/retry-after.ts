type Headers = Readonly<Record<string, string | string[] | undefined>>

const secondsPattern = /^\d{1,9}(?:\.\d{1,9})?$/
// `Date.parse` reads a date into almost anything ("try 5" is in May), so the text must look like an HTTP date first.
const httpDatePattern = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? [\w :-]{10,30}$/

/**
 * How long an upstream asks its caller to stay away, in milliseconds, or null where it asks for nothing that can be
 * read. Knows `retry-after-ms` (OpenAI), `x-ms-retry-after-ms` (Azure), and `retry-after` in seconds or as any of the
 * three HTTP dates, or, against the standard, as a duration such as `1m30s`; the finer one wins. Not capped: how much
 * of it is honoured is the retry policy's business.
 */
export function parseRetryAfterMs(headers: Headers, nowMs: number): number | null {
  const milliseconds = readText(headers['retry-after-ms']) ?? readText(headers['x-ms-retry-after-ms'])
  if (milliseconds !== null && secondsPattern.test(milliseconds)) return Math.ceil(Number(milliseconds))

  const text = readText(headers['retry-after'])
  if (text === null) return null
  if (secondsPattern.test(text)) return Math.ceil(Number(text) * 1000)
  if (!httpDatePattern.test(text)) return parseDurationMs(text)
  // The oldest of the three formats names no zone; HTTP dates are always in GMT.
  const dateMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs)
}

const limitPattern = /^x-ratelimit-remaining(?<kind>(?:-[a-z]{1,20}){0,3})$/

/**
 * When the limit that is used up has room again, by `x-ratelimit-remaining-…: 0` and its `x-ratelimit-reset-…`, in
 * milliseconds; the latest of several, null where nothing is used up. A reset is a duration (`6m0s`, `20ms`: OpenAI,
 * Groq), seconds (Azure, Cerebras), or a moment in Unix seconds or milliseconds (OpenRouter). It is the time until the
 * limit is whole again, which is more than the next call needs: only for upstreams that send no `Retry-After`.
 */
export function parseRateResetMs(headers: Headers, nowMs: number): number | null {
  let latestMs: number | null = null
  for (const [name, value] of Object.entries(headers)) {
    const kind = limitPattern.exec(name)?.groups?.kind
    if (kind === undefined || readText(value) !== '0') continue
    const resetMs = parseResetMs(readText(headers[`x-ratelimit-reset${kind}`]), nowMs)
    if (resetMs !== null) latestMs = Math.max(latestMs ?? 0, resetMs)
  }
  return latestMs
}

/** Nobody waits for 300 years in seconds: a number as large as this is a moment. */
const smallestMomentSeconds = 1_000_000_000
const smallestMomentMs = 1_000_000_000_000

function parseResetMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null
  if (!/^\d{1,15}(?:\.\d{1,9})?$/.test(text)) return parseDurationMs(text)
  const number = Number(text)
  if (number >= smallestMomentMs) return Math.max(0, Math.ceil(number - nowMs))
  if (number >= smallestMomentSeconds) return Math.max(0, Math.ceil(number * 1000 - nowMs))
  return Math.ceil(number * 1000)
}

const durationPattern = /^(?:\d{1,6}(?:\.\d{1,9})?(?:ms|[hms])){1,4}$/
const spelledPattern = /^(\d{1,6}(?:\.\d{1,9})?) (milli)?seconds?$/i
const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** `6m0s`, `7.66s`, `20ms`, `1h2m`, `6 seconds` in milliseconds; null for anything else. */
export function parseDurationMs(text: string): number | null {
  const spelled = spelledPattern.exec(text)
  if (spelled) return Math.ceil(Number(spelled[1]) * (spelled[2] === undefined ? 1_000 : 1))
  if (!durationPattern.test(text)) return null
  let ms = 0
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[hms])/g)) {
    ms += Number(number) * (unitsMs[unit] ?? 0)
  }
  return Math.ceil(ms)
}

function readText(value: string | string[] | undefined): string | null {
  const first = Array.isArray(value) ? value[0] : value
  return first === undefined ? null : first.trim()
}
