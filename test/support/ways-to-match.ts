/**
 * An upper bound for the ways in which a regular expression can match at one place, which is what backtracking tries one
 * by one: `a?[bc]{1,9}` has 18. Infinite where a quantifier has no upper limit. Counting is rough and always upwards.
 */
export function countWaysToMatch(source: string): number {
  const reader = new Reader(source)
  const ways = reader.alternatives()
  if (!reader.isAtEnd) throw new Error(`can't read /${source}/`)
  return ways
}

/** Only a quantifier without limit makes ways infinite, not how many they are. */
function multiply(left: number, right: number): number {
  const isInfinite = left === Number.POSITIVE_INFINITY || right === Number.POSITIVE_INFINITY
  return isInfinite ? Number.POSITIVE_INFINITY : Math.min(left * right, Number.MAX_VALUE)
}

function add(left: number, right: number): number {
  const isInfinite = left === Number.POSITIVE_INFINITY || right === Number.POSITIVE_INFINITY
  return isInfinite ? Number.POSITIVE_INFINITY : Math.min(left + right, Number.MAX_VALUE)
}

class Reader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length
  }

  /** One branch or the other. */
  alternatives(): number {
    let ways = this.#sequence()
    while (this.#take('|')) ways = add(ways, this.#sequence())
    return ways
  }

  /** Each part can match in its own number of ways. */
  #sequence(): number {
    let ways = 1
    while (!this.isAtEnd && !'|)'.includes(this.#source.charAt(this.#at))) ways = multiply(ways, this.#term())
    return ways
  }

  #term(): number {
    const ways = this.#atom()
    const [least, most] = this.#quantifier()
    if (ways === 1) return most - least + 1
    // Each repetition can match in any of its ways.
    let total = 0
    if (ways === Number.POSITIVE_INFINITY) return ways
    for (let times = least; times <= Math.min(most, 64); times += 1) total += ways ** times
    // More is more than anybody counts, and still has an end if the quantifier has.
    return most > 64 ? (most === Number.POSITIVE_INFINITY ? most : Number.MAX_VALUE) : Math.min(total, Number.MAX_VALUE)
  }

  #atom(): number {
    if (this.#take('(')) {
      this.#skip(/\?(?:[:=!]|<[=!]|<\w+>)/y)
      const ways = this.alternatives()
      this.#take(')')
      return ways
    }
    if (this.#take('[')) this.#skip(/(?:\\.|[^\]\\])*\]/y)
    else if (this.#take('\\')) this.#skip(/[pP]\{[^}]*\}|u\{[^}]*\}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|k<\w+>|./y)
    else this.#at += 1
    return 1
  }

  #quantifier(): [number, number] {
    const found = this.#skip(/[*+?]|\{\d+(?:,\d*)?\}/y)
    this.#take('?')
    if (found === '') return [1, 1]
    if (found === '*') return [0, Number.POSITIVE_INFINITY]
    if (found === '+') return [1, Number.POSITIVE_INFINITY]
    if (found === '?') return [0, 1]
    const [, least = '', comma, most = ''] = /(\d+)(,?)(\d*)/.exec(found) ?? []
    if (comma === '') return [Number(least), Number(least)]
    return [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)]
  }

  #take(sign: string): boolean {
    if (this.#source.charAt(this.#at) !== sign) return false
    this.#at += 1
    return true
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)?.[0] ?? ''
    this.#at += found.length
    return found
  }
}
