import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  digitsOf,
  isBirthday,
  isRoutingNumber,
  isVehicleNumber,
  passesEan13,
  passesLuhn,
  passesMod11And2,
  passesMod11And10,
  passesVerhoeff,
  remainder,
  weightedSum,
} from '../../src/core/pii/check-digits.ts'

/** Numbers that the keepers of each system publish as examples, with their check sign last. */
const systems = [
  ['Luhn', passesLuhn, ['79927398713', '4111111111111111', '490154203237518']],
  ['Verhoeff', passesVerhoeff, ['2363', '234123412346']],
  ['MOD 11,10', passesMod11And10, ['86095742719', '33392005961']],
  ['EAN-13', passesEan13, ['7569217076985', '4006381333931']],
  ['ABA', isRoutingNumber, ['021000021', '011401533']],
] as const

describe.each(systems)('%s', (_name, passes, published) => {
  it.each(published)('takes %s and no other last digit', (number) => {
    const taken = [...'0123456789'].filter((digit) => passes(number.slice(0, -1) + digit))
    expect(taken).toEqual([number.at(-1)])
  })
})

describe('MOD 11-2', () => {
  it.each(['000000021825009', '11010519491231002X'])('takes the check sign of %s only', (code) => {
    const sign = [...'0123456789X'].filter((each) => passesMod11And2(code.slice(0, -1) + each))
    expect(sign).toHaveLength(1)
  })

  it('takes the published identity number', () => {
    expect(passesMod11And2('11010519491231002X')).toBe(true)
  })
})

it('finds every single wrong digit by Verhoeff', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\d{11}$/), fc.nat(10), fc.integer({ min: 1, max: 9 }), (body, place, shift) => {
      const check = [...'0123456789'].find((digit) => passesVerhoeff(body + digit)) ?? ''
      const wrong = String((Number(body[place]) + shift) % 10)
      expect(passesVerhoeff(body.slice(0, place) + wrong + body.slice(place + 1) + check)).toBe(false)
    }),
  )
})

it('divides numbers that are too long for a number', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.integer({ min: 2, max: 997 }), (number, divisor) => {
      expect(remainder(String(number), divisor)).toBe(Number(number % BigInt(divisor)))
    }),
  )
})

it('counts digits only', () => {
  expect(digitsOf('1a2-3')).toEqual([1, 2, 3])
  expect(weightedSum('1-2-3', [1, 10, 100])).toBe(321)
})

describe('vehicle numbers', () => {
  it.each(['1HGBH41JXMN109186', '1M8GDM9AXKP042788', '11111111111111111'])('takes %s', (code) => {
    expect(isVehicleNumber(code)).toBe(true)
  })

  it.each(['1HGBH41J0MN109186', '1M8GDM9AXKPO42788', '1HGBH41JXMN10918'])('refuses %s', (code) => {
    expect(isVehicleNumber(code)).toBe(false)
  })
})

describe('birthdays', () => {
  it.each([
    ['850730', 'ymd', {}],
    ['310180', 'dmy', {}],
    ['19850730', 'ymd', {}],
    ['735228', 'ymd', { months: [50] }],
    ['412381', 'dmy', { days: [40], months: [20] }],
  ] as const)('takes %s as %s with %j', (digits, order, added) => {
    expect(isBirthday(digits, order, added)).toBe(true)
  })

  it.each([
    ['851330', 'ymd'],
    ['320180', 'dmy'],
    ['17850730', 'ymd'],
    ['000000', 'ymd'],
  ] as const)('refuses %s as %s', (digits, order) => {
    expect(isBirthday(digits, order)).toBe(false)
  })
})
