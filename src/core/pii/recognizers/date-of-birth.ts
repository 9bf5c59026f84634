import { endOfDateAt } from '../dates/date-grammar.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

/** What announces a date of birth, in the languages of Europe; abbreviations as forms and records have them. */
const birthWords = wordSet([
  ...[
    'dob',
    'd.o.b',
    'd.o.b.',
    'date of birth',
    'dateofbirth',
    'date_of_birth',
    'birth date',
    'birthdate',
    'birth_date',
  ],
  ...['birthday', 'birth day', 'born', 'birthdt', 'bday', 'born on', 'b-day'],
  ...['geburtsdatum', 'geburtstag', 'geboren', 'geb', 'geb.', 'geb.-datum', 'geburtsjahr'],
  ...['date de naissance', 'né', 'née', 'né(e)', 'naissance', 'ddn', 'anniversaire'],
  ...['fecha de nacimiento', 'fecha nacimiento', 'nacido', 'nacida', 'nació', 'f. nac', 'f.nac', 'fnac', 'nacimiento'],
  ...['data di nascita', 'nato', 'nata', 'nato/a', 'nascita', 'compleanno'],
  ...['data de nascimento', 'nascido', 'nascida', 'nasceu', 'nascimento', 'data naixement', 'nascut'],
  ...['geboortedatum', 'verjaardag', 'födelsedatum', 'född', 'födelsedag', 'fødselsdato', 'født', 'fødselsdag'],
  ...[
    'syntymäaika',
    'syntynyt',
    'data urodzenia',
    'urodzony',
    'urodzona',
    'ur.',
    'datum narození',
    'narozen',
    'narozena',
  ],
  ...['dátum narodenia', 'születési idő', 'született', 'data nașterii', 'născut', 'născută', 'doğum tarihi', 'doğumlu'],
  ...['дата рождения', 'родился', 'родилась', 'дата народження', 'дата на раждане', 'ημερομηνία γέννησης'],
  ...['datum rođenja', 'rođen', 'rođena', 'datum rojstva', 'gimimo data', 'dzimšanas datums', 'sünniaeg'],
])
/** How far after the words the date may start: `date of birth? A: 12 May 1980`, `born in Leeds on 3/4/1980`. */
const longestLead = 28
/** `born in 1950`, `geboren 1950`, `año de nacimiento: 1950` */
const birthYear =
  /[ :=]{1,3}(?:(?:in|im Jahr|im|en|em|nel|le|el|in the year|året) )?((?:19|20)\d{2})(?![\w/-]|[.,:]\d)/y
/** After the date: `12/05/1980 (DOB)`. */
const trailing = 4

export const dateOfBirth: Recognizer = {
  entity: 'DOB',
  examples: {
    finds: [
      'DOB: ⟦1961-09-13⟧, MRN',
      'you were born on ⟦26 January 1984⟧, correct?',
      'your date of birth?\nA: ⟦1990-03-04⟧',
      "Please tell me your date of birth. It's ⟦8/12/1991⟧",
      'geb. am ⟦3. März 1950⟧ in',
      'née le ⟦01/02/1963⟧',
      'Fecha de nacimiento: ⟦23/010/1990⟧.',
      '{"birthDate": "⟦19800412⟧"}',
      'she was born in ⟦1950⟧ and',
      'nato a Roma il ⟦4 luglio 1971⟧',
      '"⟦12/05/1980⟧ (DOB)"',
    ],
    ignores: [
      'tomorrow',
      'born in Leeds',
      'the build was born of 12 tests',
      'dob: unknown',
      'a newborn 12.5.1 release',
    ],
  },
  find(scan) {
    const { text } = scan
    const { starts, ends } = scan.hits(birthWords)
    const findings: Finding[] = []
    for (const [index, wordEnd] of ends.entries()) {
      const after = firstDateAfter(text, wordEnd)
      if (after) findings.push({ ...after, entity: 'DOB', score: 0.9 })
      else {
        const before = dateBefore(text, starts[index] ?? 0)
        if (before) findings.push({ ...before, entity: 'DOB', score: 0.8 })
      }
    }
    return joinWidest(findings)
  },
}

function firstDateAfter(text: string, from: number): { start: number; end: number } | null {
  for (let start = from; start <= from + longestLead && start < text.length; start += 1) {
    const unit = text.charCodeAt(start)
    if (!isWordUnit(unit) || isWordUnit(text.charCodeAt(start - 1))) continue
    const end = endOfDateAt(text, start)
    if (end !== -1) return { start, end }
  }
  birthYear.lastIndex = from
  const year = birthYear.exec(text)?.[1]
  return year === undefined ? null : { start: birthYear.lastIndex - year.length, end: birthYear.lastIndex }
}

/** Only a blank or a parenthesis may stand between, and the date is in numbers. */
function dateBefore(text: string, wordStart: number): { start: number; end: number } | null {
  const lead = text.slice(Math.max(0, wordStart - 16), wordStart)
  const match = numericBefore.exec(lead)
  return match ? { start: wordStart - match[0].length, end: wordStart - (match[3] ?? '').length } : null
}

const numericBefore = new RegExp(
  String.raw`(?<![\d./-])(\d{4}-\d{2}-\d{2}|\d{1,2}([-./])\d{1,2}\2\d{4})([ ([]{1,${trailing}})$`,
)

function isWordUnit(unit: number): boolean {
  return (unit >= 48 && unit <= 57) || (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || unit >= 0xc0
}
