/**
 * The check-digit systems that identifiers share, over plain strings of digits. What is particular to one country's
 * number is in `national-ids/`.
 */

/** The digits of a string as numbers; other signs are left out. */
export function digitsOf(text: string): number[] {
  const digits: number[] = []
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48
    if (digit >= 0 && digit <= 9) digits.push(digit)
  }
  return digits
}

/** Whether all digits are the same: placeholders such as `000000000` pass most systems. */
export function isOneDigit(text: string): boolean {
  return /^(\d)\1*$/.test(text)
}

/** ISO/IEC 7812-1 annex B: payment cards, IMEI, SIN, personnummer and many more. Of an array, a part may be looked at. */
export function passesLuhn(code: readonly number[] | string, from = 0, count?: number): boolean {
  const digits = typeof code === 'string' ? digitsOf(code) : code
  const length = count ?? digits.length - from
  let sum = 0
  for (let index = 0; index < length; index += 1) {
    const digit = digits[from + length - 1 - index] ?? 0
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** The sum of each digit times the weight at its place; digits beyond the weights do not count. */
export function weightedSum(text: string, weights: readonly number[]): number {
  const digits = digitsOf(text)
  return weights.reduce((sum, weight, index) => sum + weight * (digits[index] ?? 0), 0)
}

/** What is left of a number of any length after division. */
export function remainder(digits: string, divisor: number): number {
  let rest = 0
  for (const digit of digitsOf(digits)) rest = (rest * 10 + digit) % divisor
  return rest
}

/** ISO/IEC 7064 MOD 11,10: German tax numbers, Croatian OIB. */
export function passesMod11And10(digits: string): boolean {
  let product = 10
  const numbers = digitsOf(digits)
  for (const digit of numbers.slice(0, -1)) {
    const sum = (digit + product) % 10 || 10
    product = (sum * 2) % 11
  }
  return (11 - product) % 10 === numbers.at(-1)
}

/** ISO/IEC 7064 MOD 11-2, whose check sign may be `X`: identity numbers of China, ORCID. */
export function passesMod11And2(code: string): boolean {
  let product = 0
  for (const digit of digitsOf(code.slice(0, -1))) product = ((product + digit) * 2) % 11
  const check = (12 - product) % 11
  return code.at(-1)?.toUpperCase() === (check === 10 ? 'X' : String(check))
}

/** EAN-13: social insurance numbers of Switzerland. */
export function passesEan13(digits: string): boolean {
  return digits.length === 13 && weightedSum(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0
}

/** The dihedral group of order ten, and the permutation by place: J. Verhoeff, 1969. Aadhaar uses it. */
const multiplication = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
].map(digitsOf)
const permutation = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
].map(digitsOf)

export function passesVerhoeff(digits: string): boolean {
  let state = 0
  for (const [place, digit] of digitsOf(digits).reverse().entries()) {
    state = multiplication[state]?.[permutation[place % 8]?.[digit] ?? 0] ?? 0
  }
  return state === 0
}

/**
 * Whether six or eight digits are a day that people living today may have been born on. `order` says what stands where;
 * the day may have a number added to it or the month, as some countries do for women or foreigners.
 */
export function isBirthday(
  digits: string,
  order: 'ymd' | 'dmy',
  added: { days?: readonly number[]; months?: readonly number[] } = {},
): boolean {
  const yearLength = digits.length - 4
  const year = order === 'ymd' ? digits.slice(0, yearLength) : digits.slice(4)
  const month = Number(order === 'ymd' ? digits.slice(-4, -2) : digits.slice(2, 4))
  const day = Number(order === 'ymd' ? digits.slice(-2) : digits.slice(0, 2))
  const isMonth = [0, ...(added.months ?? [])].some((extra) => month - extra >= 1 && month - extra <= 12)
  const isDay = [0, ...(added.days ?? [])].some((extra) => day - extra >= 1 && day - extra <= 31)
  return isMonth && isDay && (yearLength === 2 || (Number(year) >= 1890 && Number(year) <= 2059))
}

/** ABA routing numbers of the United States: weights 3, 7, 1 and a district of the Federal Reserve. */
export function isRoutingNumber(digits: string): boolean {
  const district = Number(digits.slice(0, 2))
  const exists = district <= 12 || (district >= 21 && district <= 32) || (district >= 61 && district <= 72)
  return exists && !isOneDigit(digits) && weightedSum(digits, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0
}

/** ISO 3779 as North America checks it: the ninth sign is the rest of the weighted sum by eleven. */
export function isVehicleNumber(code: string): boolean {
  if (!/^[A-HJ-NPR-Z0-9]{17}$/.test(code)) return false
  const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
  let sum = 0
  for (const [index, weight] of weights.entries()) sum += weight * valueInVehicleNumber(code.charAt(index))
  return 'X' === code[8] ? sum % 11 === 10 : sum % 11 === Number(code[8])
}

/** A to H count from 1, J to R from 1 without Q, S to Z from 2. */
function valueInVehicleNumber(sign: string): number {
  if (/\d/.test(sign)) return Number(sign)
  const place = 'ABCDEFGH'.indexOf(sign) + 1 || 'JKLMNOPQR'.indexOf(sign) + 1
  return place || 'STUVWXYZ'.indexOf(sign) + 2
}
