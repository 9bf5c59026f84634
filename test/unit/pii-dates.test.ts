import { describe, expect, it } from 'vitest'
import type { Recognizer } from '../../src/core/pii/recognizer.ts'
import { age } from '../../src/core/pii/recognizers/age.ts'
import { date } from '../../src/core/pii/recognizers/date.ts'
import { dateOfBirth } from '../../src/core/pii/recognizers/date-of-birth.ts'
import { Scan } from '../../src/core/pii/scan.ts'

function find(recognizer: Recognizer, text: string): string[] {
  return recognizer.find(new Scan(text)).map(({ start, end }) => text.slice(start, end))
}

const dates = [
  '2024-04-16',
  '2024/04/16',
  '16.04.2024',
  '16. 4. 2024',
  '4/16/2024',
  '16-04-2024',
  '16/04/98',
  '16 April 2024',
  'April 16, 2024',
  'April 16th, 2024',
  '16th of April 2024',
  '16-Apr-2024',
  '16. April 2024',
  '1er avril 2024',
  '16 de abril de 2024',
  '16 aprile 2024',
  '16 de março de 2024',
  '16 maart 2024',
  '16 kwietnia 2024',
  '16 апреля 2024',
  '2024年4月16日',
]

describe('dates', () => {
  it.each(dates)('are found whole: %s', (text) => {
    expect(find(date, `seen ${text}, then`)).toEqual([text])
  })

  it.each(['2024-04-16T03:15:00Z', '16.04.2024 10:15', '16/Apr/2024:10:15:43 +0100', 'April 16, 2024 at 5:00 PM'])(
    'take their time of day with them: %s',
    (text) => {
      expect(find(date, `[${text}]`)).toEqual([text])
    },
  )

  it('without a day need a month and a year, or a word that says that it is a year', () => {
    expect(find(date, 'en febrero de 2009, recibió')).toEqual(['febrero de 2009'])
    expect(find(date, 'desde el año 1995, se')).toEqual(['año 1995'])
    expect(find(date, 'founded in 1977 by')).toEqual(['1977'])
    expect(find(date, 'error 1977 by 2013 ms')).toEqual([])
  })

  it.each(['1.20.300', '6.1.7601.23505', '10.0.0.7', '3/4 of it', 'march on', '12:30:45', '99/99/2024', '1-2-3-4'])(
    'are not seen in %j',
    (text) => {
      expect(find(date, text)).toEqual([])
    },
  )
})

describe('dates of birth', () => {
  it.each(['DOB: ', 'Date of birth: ', 'born on ', 'geb. am ', 'née le ', 'Fecha de nacimiento: ', 'nato il '])(
    'are found in every form of a date after %j',
    (lead) => {
      for (const form of dates) {
        if (/[年À-џ]|kwietnia|maart|\. 4\. /.test(form)) continue
        expect(find(dateOfBirth, `${lead}${form}.`)).toEqual([form])
      }
    },
  )

  it('are found across the words of a question and its answer', () => {
    expect(find(dateOfBirth, 'What is your date of birth?\nA: 1990-03-04')).toEqual(['1990-03-04'])
    expect(find(dateOfBirth, "your date of birth. It's 8/12/1991")).toEqual(['8/12/1991'])
  })

  it('are not any other date', () => {
    expect(find(dateOfBirth, 'Date of surgery: 1990-03-04')).toEqual([])
    expect(find(dateOfBirth, `born in Leeds, ${'and so on '.repeat(5)}until 1990-03-04`)).toEqual([])
  })
})

describe('ages', () => {
  it.each([
    'a ⟦45-year-old⟧ man',
    'patient, ⟦45 years old⟧',
    'aged ⟦45⟧,',
    'Edad: ⟦45 años⟧ Sexo',
    'mujer de ⟦45 años⟧ que',
    'niño de ⟦3 meses⟧ con',
    'homme âgé de ⟦45 ans⟧',
    'il a ⟦45 ans⟧',
    'ein ⟦45-jähriger⟧ Mann',
    'donna di ⟦45 anni⟧',
    'kvinna på ⟦45 år⟧',
  ])('are found in %j', (example) => {
    expect(find(age, example.replace(/[⟦⟧]/g, ''))).toEqual([/⟦(.*)⟧/.exec(example)?.[1]])
  })

  it.each([
    'desde hace 5 meses',
    'A los tres meses de la intervención',
    '30 days ago',
    'max-age=60',
    'stage 4',
    'in 2 weeks',
  ])('are not how long something takes: %j', (text) => {
    expect(find(age, text)).toEqual([])
  })
})
