/**
 * Makes texts that a regular expression matches, for planting. Reads what the patterns of keys are written with; what it
 * does not act on (looking ahead, boundaries) the pattern itself has to confirm, so a sample is drawn until it matches.
 */
export type Random = () => number

/** Chance that repeats: the same seed gives the same numbers from 0 to 1. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const mostAttempts = 2000

/** A text that the pattern matches as a whole and `accept` takes. */
export function sampleOf(pattern: RegExp, random: Random, accept: (sample: string) => boolean = () => true): string {
  const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace('y', ''))
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const sample = new Writer(pattern.source, random).alternatives()
    if (whole.test(sample) && accept(sample)) return sample
  }
  throw new Error(`found no sample of ${pattern}`)
}

class Writer {
  readonly #source: string
  readonly #random: Random
  #at = 0

  constructor(source: string, random: Random) {
    this.#source = source
    this.#random = random
  }

  /** One of the branches, each as likely. */
  alternatives(): string {
    const branches = [this.#sequence()]
    while (this.#take('|')) branches.push(this.#sequence())
    return branches[Math.floor(this.#random() * branches.length)] ?? ''
  }

  #sequence(): string {
    let text = ''
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at))) text += this.#term()
    return text
  }

  #term(): string {
    const start = this.#at
    let text = this.#atom()
    const end = this.#at
    const times = this.#quantifier()
    const after = this.#at
    if (times === 0) return ''
    for (let time = 1; time < times; time += 1) {
      this.#at = start
      text += this.#atom()
      this.#at = end
    }
    this.#at = after
    return text
  }

  #atom(): string {
    if (this.#take('(')) {
      const lead = this.#read(/\?(?:[:=!]|<[=!]|<\w+>)/y)
      const text = this.alternatives()
      this.#take(')')
      return /^\?(?:[=!]|<[=!])/.test(lead) ? '' : text
    }
    const signs = this.#read(/\[(?:\\.|[^\]\\])*\]|\\./y)
    if (signs !== '') return this.#oneOf(signs)
    this.#at += 1
    return this.#source.charAt(this.#at - 1)
  }

  #oneOf(signs: string): string {
    const pattern = new RegExp(`^${signs}$`)
    const candidates = printable.filter((sign) => pattern.test(sign))
    return candidates[Math.floor(this.#random() * candidates.length)] ?? ''
  }

  #quantifier(): number {
    const found = this.#read(/\?|\{\d+(?:,\d+)?\}/y)
    if (found === '') return 1
    if (found === '?') return this.#random() < 0.5 ? 0 : 1
    const [least = 1, most = least] = found.match(/\d+/g)?.map(Number) ?? []
    return least + Math.floor(this.#random() * Math.min(most - least + 1, 12))
  }

  #take(sign: string): boolean {
    if (this.#source.charAt(this.#at) !== sign) return false
    this.#at += 1
    return true
  }

  #read(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)?.[0] ?? ''
    this.#at += found.length
    return found
  }
}

const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
