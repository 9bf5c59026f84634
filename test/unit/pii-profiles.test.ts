import { describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { entities } from '../../src/core/pii/entities.ts'
import { isProfileName, type ProfileName, profileNames, profiles } from '../../src/core/pii/profiles.ts'

function found(profile: ProfileName, ...texts: string[]): string[][] {
  const detector = createBuiltinDetector({ entities: profiles[profile] })
  const pieces = texts.map((text) => ({ name: '', text }))
  return detector
    .detect(pieces)
    .map((findings, index) => findings.map(({ entity, start, end }) => `${entity} ${texts[index]?.slice(start, end)}`))
}

describe('the profiles', () => {
  it('are the ones that are named, and each looks for something', () => {
    expect(Object.keys(profiles).sort()).toEqual([...profileNames].sort())
    for (const name of profileNames) expect(profiles[name].size).toBeGreaterThan(10)
    expect(isProfileName('strict')).toBe(true)
    expect(isProfileName('toString')).toBe(false)
  })

  it('all look for secrets, cards and addresses, and strict for everything', () => {
    for (const name of profileNames) {
      for (const entity of ['SECRET', 'PASSWORD', 'CREDIT_CARD', 'SSN', 'EMAIL'] as const) {
        expect(profiles[name].has(entity), `${name} ${entity}`).toBe(true)
      }
    }
    expect([...profiles.strict].sort()).toEqual([...entities].sort())
  })

  it('leave a log its times and hosts, and a letter its dates', () => {
    for (const entity of ['DATE', 'HOSTNAME', 'LOCATION', 'ORG', 'URL', 'AGE'] as const) {
      expect(profiles.logs.has(entity), entity).toBe(false)
      expect(profiles.default.has(entity), entity).toBe(false)
    }
    expect(profiles.logs.has('PERSON')).toBe(false)
    expect(profiles.logs.has('USERNAME')).toBe(true)
  })

  it('take from health data what HIPAA counts as identifying', () => {
    for (const entity of ['PERSON', 'DATE', 'AGE', 'LOCATION', 'POSTCODE', 'MRN', 'URL', 'IP', 'DEVICE_ID'] as const) {
      expect(profiles.health.has(entity), entity).toBe(true)
    }
  })
})

describe('the built-in detector', () => {
  it('gives one list per piece, and only what is wanted', () => {
    expect(found('minimal', 'mail ada@example.com', 'nothing', 'from 203.0.113.7')).toEqual([
      ['EMAIL ada@example.com'],
      [],
      [],
    ])
  })

  it('does not let a kind that is not wanted take the name of one that is', () => {
    const text = 'see https://example.com/?mail=ada@example.com'
    expect(found('default', text)).toEqual([['EMAIL ada@example.com']])
  })

  it('takes the name of a field for a word before its value', () => {
    const detector = createBuiltinDetector()
    const [findings = []] = detector.detect([{ name: 'phoneNumber', text: '4155552671' }])
    expect(findings).toMatchObject([{ entity: 'PHONE', start: 0, end: 10 }])
  })

  it('knows a number again where nothing announces it, in other pieces too', () => {
    const [, second] = found('strict', 'Telefonnummer: 03090182034', 'I called 03090182034 again, not 030901820345.')
    expect(second).toEqual(['PHONE 03090182034'])
  })
})
