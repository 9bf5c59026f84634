import { getCountries, getCountryCallingCode, Metadata } from 'libphonenumber-js/min'

/** The lengths that the numbers of a country calling code can have, the code itself not counted (ITU E.164 plans). */
let lengthsByCallingCode: ReadonlyMap<string, ReadonlySet<number>> | null = null

/**
 * How much of an international number, written from its `+` or `00`, is a number of its country; 0 if none is. The
 * longest reading wins, and one that ends where a group of digits ends wins over one that does not: what follows may be
 * another number.
 */
export function lengthOfInternational(found: string): number {
  // Read when the first number needs it: most processes that load this never see one.
  lengthsByCallingCode ??= readNumberingPlans()
  const plans = lengthsByCallingCode
  // A trunk zero in parentheses is written for callers at home and belongs to no plan.
  const places = placesOfDigits(found.replace(/^00/, '++').replace('(0)', '(o)'))
  const digits = places.map((place) => found[place]).join('')
  const code = [1, 2, 3].map((length) => digits.slice(0, length)).find((prefix) => plans.has(prefix))
  let longest = 0
  for (const length of plans.get(code ?? '') ?? []) {
    const end = (places[(code ?? '').length + length - 1] ?? -1) + 1
    if (end > 0 && rank(found, end) > rank(found, longest)) longest = end
  }
  // Mistyped and made-up numbers are personal all the same, if they are written as one.
  const isWritten = code !== undefined && digits.length <= 15 && /\d[ .-]\d+[ .-]\d/.test(found)
  return isWritten && !endsGroup(found, longest) ? found.length : longest
}

function placesOfDigits(found: string): number[] {
  const places: number[] = []
  for (let index = 0; index < found.length; index += 1) if (isDigit(found.charCodeAt(index))) places.push(index)
  return places
}

function rank(found: string, end: number): number {
  return endsGroup(found, end) ? end + found.length : end
}

function endsGroup(found: string, end: number): boolean {
  return end > 0 && !isDigit(found.charCodeAt(end))
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57
}

function readNumberingPlans(): ReadonlyMap<string, ReadonlySet<number>> {
  const metadata = new Metadata()
  const plans = new Map<string, Set<number>>()
  for (const country of getCountries()) {
    metadata.selectNumberingPlan(country)
    const code = getCountryCallingCode(country)
    const known = plans.get(code) ?? new Set()
    plans.set(code, new Set([...known, ...(metadata.numberingPlan?.possibleLengths() ?? [])]))
  }
  return plans
}
