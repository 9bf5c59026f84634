import { findDates } from '../dates/date-grammar.ts'
import { plainMonthNames, weekdayNames } from '../dates/month-names.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

/** After these words, or before these, four digits are a year. */
const yearLead = wordSet([
  ...'in since during of year until by from before after around early late circa the a an'.split(' '),
  ...'seit bis jahr jahre jahren im ab anno'.split(' '),
  ...'en de del desde durante año años hasta el depuis dès année jusque dal dall nel del fino dopo'.split(' '),
  ...'em ano até sinds jaar tot år sedan från rok roku года году'.split(' '),
])
/** Belongs to the year, and joins a second one to it: `año 2009`, `1993 y 1994`, `mes de abril`. */
const yearWord = /(?:(?:año|year|Jahr|année|anno|ano|jaar|år)s?(?: de)? |(?:mes|mois|mese|mês) (?:de |di |d')?)$/i
const yearBefore = /(?<!\d)(?:1[89]|20)\d{2} ?(?:y|e|et|and|und|en|och|o|or|-|a|to|,) ?$/
const isYear =
  /(?:1[89]|20)\d{2}(?!\w|[.,:/-]\d| ?(?:%|mg|ml|g|kg|km|m|cm|mm|euros?|dollars?|€|\$|rpm|MB|KB|GB|ms|bytes)\b)/y

export const date: Recognizer = {
  entity: 'DATE',
  examples: {
    finds: [
      'on ⟦2024-04-16T03:15:00Z⟧ it',
      'Ingreso: ⟦04/04/2018⟧.',
      'am ⟦3. März 2019⟧ in',
      'le ⟦1er janvier 2001⟧',
      'el ⟦12 de febrero de 2009⟧,',
      'on ⟦March 5th, 1999⟧.',
      'en ⟦junio de 2002⟧.',
      'seit ⟦12.03.98⟧',
      '[⟦21/Nov/2026:10:15:43 +0100⟧]',
      'operado en ⟦2013⟧ y',
      'am ⟦2020年3月5日⟧',
      'by ⟦Tuesday⟧ morning',
    ],
    ignores: ['version 1.20.300', '10.12.14.316', 'step 2000', 'id 2005-99-12', 'took 2013 ms', '1/2', 'march on'],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = findDates(scan).map((stretch) => ({ ...stretch, entity: 'DATE', score: 0.8 }))
    for (const group of scan.digitGroups(4)) {
      isYear.lastIndex = group.start
      if (!isYear.test(text)) continue
      const lead = text.slice(Math.max(0, group.start - 12), group.start)
      if (!scan.isAfter(yearLead, group.start, 1) && !yearBefore.test(lead)) continue
      findings.push({ start: startWithWord(text, group.start), end: group.end, entity: 'DATE', score: 0.55 })
    }
    for (const set of [plainMonthNames, weekdayNames]) {
      const { starts, ends } = scan.hits(set)
      for (const [index, start] of starts.entries())
        findings.push({ start: startWithWord(text, start), end: ends[index] ?? start, entity: 'DATE', score: 0.55 })
    }
    return joinWidest(findings)
  },
}

function startWithWord(text: string, start: number): number {
  return start - (yearWord.exec(text.slice(Math.max(0, start - 12), start))?.[0].length ?? 0)
}
