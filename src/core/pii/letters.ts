/**
 * Letters and their marks for the inside of a character class: Latin, Greek and Cyrillic, the scripts that the words of
 * the recognizers are in. `\p{L}` would hold every script, which makes a pattern of many names slow to compile.
 */
export const letters = 'A-Za-zªº\\u00c0-\\u052f\\u1e00-\\u1fff'

const scripts = [
  [0x41, 0x5a],
  [0x61, 0x7a],
  [0xc0, 0x52f],
  [0x1e00, 0x1fff],
] as const

/** The capital ones of them. */
export const capitals = writeClass((sign) => sign !== sign.toLowerCase())

/** The small ones of them. */
export const smalls = writeClass((sign) => sign !== sign.toUpperCase())

function writeClass(belongs: (sign: string) => boolean): string {
  let ranges = ''
  for (const [first, last] of scripts) {
    for (let unit = first; unit <= last; unit += 1) {
      if (!belongs(String.fromCharCode(unit))) continue
      const start = unit
      while (unit < last && belongs(String.fromCharCode(unit + 1))) unit += 1
      ranges += `${writeUnit(start)}-${writeUnit(unit)}`
    }
  }
  return ranges
}

function writeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
