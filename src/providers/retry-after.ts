type Headers = Readonly<Record<string, string | string[] | undefined>>

const secondsPattern = /^\d{1,9}(?:\.\d{1,9})?$/
// `Date.parse` reads a date into almost anything ("try 5" is in May), so the text must look like an HTTP date first.
const httpDatePattern = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? [\w :-]{10,30}$/

/**
 * How long an upstream asks its caller to stay away, in milliseconds, or null where it asks for nothing that can be
 * read. Knows `retry-after-ms` (OpenAI), `x-ms-retry-after-ms` (Azure), and `retry-after` in seconds or as any of the
 * three HTTP dates; the finer one wins. Not capped: how much of it is honoured is the retry policy's business.
 */
export function parseRetryAfterMs(headers: Headers, nowMs: number): number | null {
  const milliseconds = readText(headers['retry-after-ms']) ?? readText(headers['x-ms-retry-after-ms'])
  if (milliseconds !== null && secondsPattern.test(milliseconds)) return Math.ceil(Number(milliseconds))

  const text = readText(headers['retry-after'])
  if (text === null) return null
  if (secondsPattern.test(text)) return Math.ceil(Number(text) * 1000)
  if (!httpDatePattern.test(text)) return null
  // The oldest of the three formats names no zone; HTTP dates are always in GMT.
  const dateMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs)
}

function readText(value: string | string[] | undefined): string | null {
  const first = Array.isArray(value) ? value[0] : value
  return first === undefined ? null : first.trim()
}
