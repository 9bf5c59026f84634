import { checkSync } from 'recheck'
import { describe, expect, it } from 'vitest'
import { constructedExpressions, literalExpressions } from '../support/regular-expressions.ts'
import { countWaysToMatch } from '../support/ways-to-match.ts'

// The checker in JavaScript: the others are programs for some machines only.
process.env.RECHECK_BACKEND = 'pure'

/**
 * A pattern is tried where something announces what it finds, so what matters is how long one try can take. Up to so many
 * ways to match need no further look; for the others a checker looks for a text that makes one try superlinear.
 */
const harmlessWays = 20_000
/** What an automaton cannot decide is fuzzed; longer where a quantifier has no limit, as a verdict is needed there. */
const timeoutsMs = { automaton: 8_000, bounded: 300, unbounded: 8_000 }

/**
 * What the checker cannot decide in time must have a limit on every quantifier. These have one without and are listed with
 * the reason why that is harmless; `bench/pii/adversarial.ts` measures the recognizers that they are a part of.
 */
const undecided: Readonly<Record<string, string>> = {
  'addresses/announced-addresses.ts': 'applied to a value that is cut to 90 signs before',
  'recognizers/ip-address.ts': 'applied to the 40 signs before an address',
  'secrets/password-value.ts': 'applied to one value of at most 512 signs',
}

// Libraries make patterns of their own when they load, so they are loaded first.
await Promise.all([import('libphonenumber-js/min'), import('ibantools'), import('ipaddr.js')])
const constructed = await constructedExpressions(() => import('../../src/core/pii/builtin-detector.ts'))
const expressions = [...literalExpressions(), ...constructed]
const toCheck = [...new Map(expressions.map((each) => [`${each.source}/${each.flags}`, each])).values()].filter(
  ({ source }) => countWaysToMatch(source) > harmlessWays,
)

describe('the regular expressions of the detection engine', () => {
  it('are found', () => {
    expect(expressions.length).toBeGreaterThan(200)
    expect(constructed.length).toBeGreaterThan(10)
    expect(toCheck.length).toBeGreaterThan(20)
  })

  it.each(toCheck)('take linear time: $file /$source/$flags', ({ file, source, flags }) => {
    const sticky = flags.includes('y') ? flags : `${flags}y`
    const isBounded = countWaysToMatch(source) < Infinity
    const timeout = isBounded || file in undecided ? timeoutsMs.bounded : timeoutsMs.unbounded
    // Its verdict is exact, while fuzzing takes a harmless pattern for a slow one now and then.
    const exact = checkSync(source, sticky, { checker: 'automaton', timeout: timeoutsMs.automaton })
    const { status } = exact.status === 'unknown' ? checkSync(source, sticky, { timeout }) : exact
    const isTolerated = status === 'unknown' && (isBounded || file in undecided)
    expect(isTolerated ? 'safe' : status).toBe('safe')
  })
})

describe('counting the ways in which a pattern can match', () => {
  it.each([
    ['abc', 1],
    ['a?[bc]{1,9}', 18],
    ['(?:a|b{0,2})\\d', 4],
    ['(?:a?){3}', 8],
    ['a{4}', 1],
    ['a*', Number.POSITIVE_INFINITY],
    ['[(*+]{2}\\(\\u{41}', 1],
  ])('%s', (source, ways) => {
    expect(countWaysToMatch(source)).toBe(ways)
  })
})
