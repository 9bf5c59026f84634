import { ageWords, numberBefore, people, sureUnits, units } from '../dates/age-words.ts'
import { letters } from '../letters.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { joinWidest } from '../widest.ts'

const longestNumber = 34
const afterWord = new RegExp(
  String.raw`["']?(?: of| between| is| are| was| ist| est| es| è| é)?[ ]?[:=]?[ ]{0,2}["']?((?:1[01]\d|\d{1,2})(?:[.,]\d)?(?:[ ]{0,2}(?:years?|yrs?|[ya](?=[ .,]|$)|months?|años?|anos|meses|días|dias|Jahre|ans|anni|jaar|år|lat|let)(?![${letters}]))?)(?![${letters}\d%:/-]|[.,]\d| ?(?:%|seconds|ms|minutes|hours|s\b|GB|MB))`,
  'iy',
)
/** The word right before the number, when it tells an age: `varón de 45`, `a man, 45 years`. Others lead to a duration. */
const lead = /(?:^|[\s,(:])(?:de|of|aged?|edad|is|is an?|an?|von|di|van|på|av|com|con|los|unos|ans)[ :]{0,2}$|[,(:] ?$/i
/** Only with years: months after `a los` count from an event. */
const yearLead =
  /(?:a|desde|hasta|hacia|sobre) los $|(?:tenía|tiene|tenia|cumplir|cumplió|contaba|con|il a|elle a|avait|j'ai) $/i
const isYears = /^(?:años|anos|years|ans|anni|jahren?|jaar|år)$/i
/** How long something lasted or when it was, not how old somebody is. */
const duration =
  /^ ?(?:de evolución|de seguimiento|después|antes|atrás|ago|later|earlier|prior|previo|más tarde|del? (?:la|su|el|post|ingreso|tratamiento|inicio|alta|parto|antigüedad|diagnóstico|intervención)|postop|libre|of (?:experience|follow|evolution|history))/i

export const age: Recognizer = {
  entity: 'AGE',
  examples: {
    finds: [
      'a ⟦45-year-old⟧ man',
      'This ⟦61 year old⟧ female',
      'age ⟦85⟧, was born',
      'aged ⟦45⟧.',
      'Edad: ⟦9 años⟧ Sexo',
      'varón de ⟦45 años⟧ que',
      'Niña de ⟦tres años⟧ que',
      'lactante de ⟦3 meses⟧',
      'a los ⟦14 años⟧,',
      'eine ⟦45-jährige⟧ Frau',
      'patiente âgée de ⟦45 ans⟧',
      'My brother just turned ⟦60⟧',
      '⟦33 yo⟧ M with',
    ],
    ignores: [
      'after 3 years',
      'max-age=3600',
      'durante 5 años',
      'page 12',
      'image 45',
      'dolor de 3 años de evolución',
      'age 45%',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    const note = (start: number, end: number) => findings.push({ start, end, entity: 'AGE', score: 0.7 })
    for (const set of [sureUnits, units]) {
      const { starts, ends } = scan.hits(set)
      for (const [index, start] of starts.entries()) {
        const end = ends[index] ?? start
        const value = numberBefore.exec(text.slice(Math.max(0, start - longestNumber), start))?.[0]
        if (value === undefined) continue
        const from = start - value.length
        if (set === sureUnits || tellsAge(scan, from, { start, end })) note(from, end)
      }
    }
    const { starts, ends } = scan.hits(ageWords)
    for (const [index, end] of ends.entries()) {
      if (text[(starts[index] ?? 0) - 1] === '-') continue
      afterWord.lastIndex = end
      const found = afterWord.exec(text)?.[1]
      if (found) note(afterWord.lastIndex - found.length, afterWord.lastIndex)
    }
    return joinWidest(findings)
  },
}

function tellsAge(scan: Scan, from: number, unit: { start: number; end: number }): boolean {
  const { text } = scan
  if (duration.test(text.slice(unit.end, unit.end + 24))) return false
  const before = text.slice(Math.max(0, from - 16), from)
  if (yearLead.test(before) && isYears.test(text.slice(unit.start, unit.end))) return true
  return lead.test(before) && scan.isAfter(people, from, 30)
}
