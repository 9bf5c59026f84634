/**
 * Replaces what is surely a variable before templates are mined: Drain's first step, "preprocess by domain knowledge".
 * The masks are lower-case so that no reader takes one for a placeholder of the auditor's (`<IP_1>`).
 */

/** Stands for any word that differed between lines of one template. */
export const wildcard = '<*>'

/** In this order: a UUID is made of hex digits, and a time of numbers. */
const masks: readonly { readonly mask: string; readonly pattern: RegExp }[] = [
  { mask: '<uuid>', pattern: /(?<![\da-z])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-z])/gi },
  {
    mask: '<time>',
    pattern:
      /(?<![\d.])\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?![\d.]*\d)(?:[T :-]\d{1,2}[:.]\d{2}[:.]\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)?/g,
  },
  {
    mask: '<time>',
    pattern:
      /(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d{2}:\d{2}:\d{2}(?: \d{4})?/g,
  },
  { mask: '<mac>', pattern: /(?<![\da-z:])[\da-f]{2}(?:[:-][\da-f]{2}){5}(?![\da-z:])/gi },
  { mask: '<time>', pattern: /(?<![\d:.])\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?![\d:])/g },
  { mask: '<ip>', pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)/g },
  {
    mask: '<ip>',
    pattern: /(?<![\da-z:])(?:[\da-f]{1,4}:){3,7}(?::|[\da-f]{1,4}|(?::[\da-f]{1,4}){1,6})(?![\da-z:])/gi,
  },
  {
    mask: '<hex>',
    pattern: /(?<![\da-z])(?:0x[\da-f]{1,64}|(?=[a-f]{0,63}\d)(?=\d{0,63}[a-f])[\da-f]{8,64})(?![\da-z])/gi,
  },
  {
    mask: '<num>',
    pattern: /(?<![\da-z])[-+]?\d+(?:[.,]\d+)*(?=(?:[mnuµ]?s|m|h|[kmgt]?i?b|%)?(?![\da-z]))/gi,
  },
]

/** Whatever the auditor has masked, in its own form; two of them rarely name the same thing. */
const placeholder = /<[A-Z][A-Z_]{0,40}_\w{1,16}>/g
const hasDigit = /\d/

export function maskVariables(text: string): string {
  // Every variable that is masked here has a digit, placeholders included.
  if (!hasDigit.test(text)) return text
  let masked = text.replace(placeholder, wildcard)
  for (const { mask, pattern } of masks) masked = masked.replace(pattern, mask)
  return masked
}
