import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findNames, NameFinder } from '../../src/core/pii/names/find-names.ts'
import { loadModel, readModel, writeModel } from '../../src/core/pii/names/model.ts'
import { technical, technicalKindOf } from '../../src/core/pii/names/technical-lines.ts'
import { opaqueToken, Tokens, tokenize, wordToken } from '../../src/core/pii/names/tokens.ts'
import { Scan } from '../../src/core/pii/scan.ts'

const modelFile = new URL('../../src/core/pii/names/model.bin', import.meta.url)

function found(text: string, entity: string): string[] {
  return findNames(new Scan(text))
    .filter((finding) => finding.entity === entity)
    .map(({ start, end }) => text.slice(start, end))
}

/** A title may or may not be taken for a part of the name. */
function withoutTitle(name: string): string {
  return name.replace(/^(?:Herr|Frau|Dott\.|Sra\.|mevrouw|heer|Ms\.) /, '')
}

describe('findNames', () => {
  it.each([
    ['Dear Harriet, please call Tobias Whitcombe before Friday.', ['Harriet', 'Tobias Whitcombe']],
    ['My name is Tobias Lindqvist and I live in Denver.', ['Tobias Lindqvist']],
    ['Patient: Rosalind Achterberg, MRN 4711', ['Rosalind Achterberg']],
    ['I met Jean-Pierre Moreau and his sister Claire.', ['Jean-Pierre Moreau', 'Claire']],
    ['Nombre: Aitana\nApellidos: Zubizarreta Romo\nMédico: Joaquín Belmonte Prieto', undefined],
    ['Sehr geehrte Frau Kowalczyk,\nHerr Brandt wird Sie anrufen.', ['Kowalczyk', 'Brandt']],
    ['Bonjour Amélie, Julien Dupuis est absent.', ['Amélie', 'Julien Dupuis']],
    ['Gentile Dott. Ferrero, il paziente Luca Bianchi sta bene.', ['Ferrero', 'Luca Bianchi']],
    ['Prezada Sra. Carvalho, segue o contrato de João Medeiros.', ['Carvalho', 'João Medeiros']],
    ['Geachte mevrouw Jansen, de heer Bakker belt u morgen.', ['Jansen', 'Bakker']],
    ['Jag heter Astrid Nyström och bor i Uppsala.', ['Astrid Nyström']],
  ])('finds the persons in %j', (text, persons) => {
    const expected = persons ?? ['Aitana', 'Zubizarreta Romo', 'Joaquín Belmonte Prieto']
    expect(found(text, 'PERSON').map(withoutTitle)).toEqual(expected)
  })

  it('finds places and organisations', () => {
    const text = 'Ms. Ortega moved from Toronto to Berlin and works for the Red Cross.'
    expect(found(text, 'LOCATION')).toEqual(['Toronto', 'Berlin'])
    expect(found(text, 'ORG')).toEqual(['Red Cross'])
  })

  it('counts offsets in UTF-16 units, after emoji and signs of other scripts too', () => {
    const text = '🎉👩‍⚕️ ½! My name is Harriet Osei 🙂.'
    const [finding] = findNames(new Scan(text)).filter(({ entity }) => entity === 'PERSON')
    expect(finding).toMatchObject({
      start: text.indexOf('Harriet'),
      end: text.indexOf('Harriet') + 'Harriet Osei'.length,
    })
  })

  it.each([
    'May 21 07:12:44 gateway mailer(session)[812]: delivery deferred; Relay Host= uid=0 queue=outbound Grace Period=60',
    '2031-02-11 08:15:09, Info UPD Started Package Cleanup v10.4.220 with Cache: D:\\Updates\\store\\cleanup.dll',
    '[Tue Feb 11 08:15:09 2031] [warn] proxy child busyEnv in state 3',
    '203.0.113.7 - - [11/Feb/2031:08:15:09 +0000] "GET /a.png HTTP/1.1" 200 "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9)"',
    '20310211-08:15:09|Pulse_Meter|41200|onReadingChanged 72',
    'const Session = new Map(); export class Holder extends Component { render() { return null } }',
    'Open Settings, then choose Privacy and Security. It needs Mac OS X.',
    'On Monday, January 5, the meeting is in English.',
    '',
  ])('finds no person in %j', (text) => {
    expect(found(text, 'PERSON')).toEqual([])
  })

  it('finds full names in log lines all the same', () => {
    expect(
      found('[2031-02-11T08:15:09Z] Carl Jensen opened the door at 203.0.113.9. Badge: 0d8a1ebc', 'PERSON'),
    ).toEqual(['Carl Jensen'])
  })

  it('answers the same whatever it has seen before', () => {
    const text = 'Yesterday Harriet Osei met Tobias in Denver.'
    const fresh = new NameFinder(loadModel())
    const before = fresh.find(text)
    for (let index = 0; index < 300; index += 1) fresh.find(`Word${index} and Name${index} met Maria ${index}.`)
    expect(fresh.find(text)).toEqual(before)
  })

  it('gives findings in order, without overlaps, inside of the text', () => {
    const text = 'Anna Berg, Tom Hale (Acme Ltd, Paris) and Dr. Lee; Maria! '.repeat(200)
    const findings = findNames(new Scan(text))
    expect(findings.length).toBeGreaterThan(400)
    let end = 0
    for (const finding of findings) {
      expect(finding.start).toBeGreaterThanOrEqual(end)
      expect(finding.end).toBeGreaterThan(finding.start)
      end = finding.end
    }
    expect(end).toBeLessThanOrEqual(text.length)
  })
})

describe('tokens', () => {
  it.each([
    ['letters', 'a'],
    ['capitals', 'A'],
    ['digits', '7'],
    ['signs at', '@'],
    ['addresses', 'a@'],
    ['scheme marks', '://'],
    ['dots', '.'],
    ['half pairs', '\ud83d'],
    ['ideographs', '名'],
  ])('are at most one per unit of a run of %s', (_name, unit) => {
    const tokens = new Tokens()
    const text = unit.repeat(20_000)
    tokenize(text, 0, text.length, tokens)
    expect(tokens.count).toBeLessThanOrEqual(text.length)
    let end = 0
    for (let index = 0; index < tokens.count; index += 1) {
      expect(tokens.starts[index]).toBeGreaterThanOrEqual(end)
      end = tokens.ends[index] ?? 0
    }
  })

  it('keep e-mail addresses, URLs and endless words in one piece', () => {
    const tokens = new Tokens()
    const text = `mail ada.l+x@mail.example.co.uk, see https://example.com/a?b=Ada ${'x'.repeat(500)}`
    tokenize(text, 0, text.length, tokens)
    const opaque = Array.from({ length: tokens.count }, (_, index) => index).filter(
      (at) => tokens.kinds[at] === opaqueToken,
    )
    expect(opaque.map((at) => text.slice(tokens.starts[at], tokens.ends[at]))).toEqual([
      'ada.l+x@mail.example.co.uk',
      'https://example.com/a?b=Ada',
      'x'.repeat(500),
    ])
  })

  it('are looked at a bounded number of times', () => {
    const text = countedText('ada.b@x '.repeat(2000) + '@'.repeat(2000) + 'a.'.repeat(2000))
    tokenize(text.value, 0, text.length, new Tokens())
    const once = text.looks()
    const twice = countedText('ada.b@x '.repeat(4000) + '@'.repeat(4000) + 'a.'.repeat(4000))
    tokenize(twice.value, 0, twice.length, new Tokens())
    expect(twice.looks()).toBeLessThan(once * 2.1)
  })

  it('split hyphens and apostrophes off', () => {
    const tokens = new Tokens()
    const text = "Anne-Marie O'Brien's"
    tokenize(text, 0, text.length, tokens)
    const words = Array.from({ length: tokens.count }, (_, index) => index).filter(
      (at) => tokens.kinds[at] === wordToken,
    )
    expect(words.map((at) => text.slice(tokens.starts[at], tokens.ends[at]))).toEqual([
      'Anne',
      'Marie',
      'O',
      'Brien',
      's',
    ])
  })
})

/** A text that counts how often its units are looked at, and can only be asked in ways that are counted. */
function countedText(text: string): { value: string; length: number; looks: () => number } {
  let looks = 0
  const count = (units: number) => {
    looks += units
  }
  const value = {
    length: text.length,
    charCodeAt: (index: number) => {
      count(1)
      return text.charCodeAt(index)
    },
    charAt: (index: number) => {
      count(1)
      return text.charAt(index)
    },
    slice: (start: number, end: number) => {
      count(end - start)
      return text.slice(start, end)
    },
    startsWith: (word: string, start: number) => {
      count(word.length)
      return text.startsWith(word, start)
    },
  }
  return { value: value as unknown as string, length: text.length, looks: () => looks }
}

describe('reading', () => {
  it.each([
    ['small letters without a space', 'a'],
    ['capitals without a space', 'A'],
    ['names without a line end', 'Anna Berg '],
    ['line ends', '\n'],
    ['addresses in a row', 'a@'],
    ['digits and colons', '12:'],
    ['log lines', '2031-02-11 08:15:09 Info Started Package Cleanup\n'],
    ['brackets', '[('],
    ['half pairs', '\ud83d'],
  ])('takes twice as many looks for twice as much of %s', (_name, unit) => {
    const looksFor = (units: number) => {
      const text = countedText(unit.repeat(units / unit.length))
      new NameFinder(loadModel()).find(text.value)
      return text.looks()
    }
    const once = looksFor(60_000)
    expect(once).toBeLessThan(60_000 * 30)
    expect(looksFor(120_000)).toBeLessThan(once * 2.2)
  })
})

describe('technical lines', () => {
  it.each([
    ['May 21 07:12:44 gateway cron: restart.', technical.stamped],
    ['310211 081509 148 INFO pool.Worker: stopping', technical.stamped],
    ['if (a[i] == b[j]) { return fn(x, y) } else { i++; }', technical.dense],
    ['2031-02-11: First visit of Ms. Yamamoto, who felt well.', technical.no],
    ['Harriet Osei 09/30/2004 04:26 PM The parcel is here.', technical.no],
    ['RT @ada: I :) am so happy today #yes', technical.no],
  ])('%j is told for what it is', (line, kind) => {
    expect(technicalKindOf(line, 0, line.length)).toBe(kind)
  })
})

describe('the names model', () => {
  it('is at most 2 MB', () => {
    expect(statSync(modelFile).size).toBeLessThanOrEqual(2_000_000)
  })

  it('is written as it was read', () => {
    const bytes = readFileSync(modelFile)
    expect(Buffer.from(writeModel(readModel(bytes))).equals(bytes)).toBe(true)
  })

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ['empty', () => Buffer.alloc(0)],
    ['of another kind', (bytes: Buffer) => Buffer.from(bytes).fill(0, 0, 4)],
  ])('is refused when it is %s, because nothing would be masked without it', (_name, damage) => {
    expect(() => readModel(damage(readFileSync(modelFile)))).toThrow(/names model/)
  })
})
