/** Shannon's entropy of the signs of a value, in bits per sign: 0 for `aaaa`, close to 4 for a long hexadecimal key. */
export function bitsPerSign(value: string): number {
  const length = Math.min(value.length, longestLook)
  counts.fill(0)
  for (let index = 0; index < length; index += 1) {
    const unit = value.charCodeAt(index) & 127
    counts[unit] = (counts[unit] ?? 0) + 1
  }
  let bits = 0
  for (const count of counts) if (count > 0) bits -= (count / length) * Math.log2(count / length)
  return bits
}

/** The start of a value tells as much as all of it; and a text full of marks must not have each value read to its end. */
const longestLook = 128
const counts = new Uint16Array(128)

/**
 * How often a value goes from small letters to capitals, or between letters and digits. From capitals to small letters
 * is not counted, since words start so: random signs change every second or third time, names made of words rarely.
 */
function countChanges(value: string): number {
  let changes = 0
  let last = 0
  for (let index = 0; index < value.length; index += 1) {
    const kind = kindOf(value.charCodeAt(index))
    if (last !== 0 && kind !== 0 && kind !== last && !(last === capital && kind === small)) changes += 1
    last = kind
  }
  return changes
}

const digit = 1
const small = 2
const capital = 3

function kindOf(unit: number): number {
  if (unit >= 48 && unit <= 57) return digit
  if (unit >= 97 && unit <= 122) return small
  return unit >= 65 && unit <= 90 ? capital : 0
}

/** Whether a value that something else speaks for is not just a name or a row of the same signs. */
export function looksVaried(value: string): boolean {
  if (bitsPerSign(value) < (value.length < 20 ? 2.5 : 3)) return false
  return /\d/.test(value) || countChanges(value) >= 3
}

/** Whether a value looks drawn by chance rather than made of words, dates and versions. */
export function looksGenerated(value: string): boolean {
  if (bitsPerSign(value) < (value.length < 20 ? 2.7 : 3)) return false
  if (isVersionOrPath.test(value)) return false
  const digits = value.replace(/\D/g, '').length
  if (digits === value.length) return false
  if (digits < 2) return value.length >= 24 && countChanges(value) * 4 >= value.length
  return countChanges(value) >= Math.max(3, value.length / 7)
}

const isVersionOrPath =
  /(?:^|[._-])v?\d{1,3}\.\d{1,3}\.\d{1,3}|^\d{4}-\d\d-\d\d|^[./~]|:\/\/|\.(?:com|net|org|io|pem|json|ya?ml|txt|png|jpe?g|html?|jsx?|tsx?|py|java|go)$/i

/** Stands where a value would, in documentation, samples and masked logs. */
export function isPlaceholder(value: string): boolean {
  // What is glued to its end may be another value, with signs that repeat.
  const start = value.slice(0, 36)
  return placeholder.test(start) || sameSign.test(start)
}

const placeholder =
  /^[<[{(]|[>\]})]$|^[$%@#]\{?[A-Za-z_][\w.]{0,80}\}?%?$|\$[{(]|\{\{|\}\}|#\{|x{5}|X{5}|\*{3}|\.{3}|…|•{2}|#{4}|_{4}|([^A=])\1{7}|abcdefghijkl|example|sample|placeholder|your[_-]|[_-]here\b|change-?_?me|redact|masked|dummy|\btodo\b|replace[_-]?me|process\.env|os\.environ/i
const sameSign = /^(.)\1{0,400}$/
