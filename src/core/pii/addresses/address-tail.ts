import { capitals, letters, smalls } from '../letters.ts'
import { stateAbbreviations } from './us-states.ts'

const countries =
  'USA|U\\.S\\.A\\.|United States|UK|United Kingdom|England|Scotland|Wales|Ireland|Canada|Australia|New Zealand|Germany|Deutschland|France|Spain|España|Italy|Italia|Portugal|Netherlands|Nederland|Belgium|België|Belgique|Switzerland|Schweiz|Suisse|Austria|Österreich|Sweden|Sverige|Norway|Norge|Denmark|Danmark|Finland|Suomi|Iceland|Poland|Polska|Czech Republic|Czechia|Slovakia|Hungary|Slovenia|Croatia|Romania|Bulgaria|Greece|Turkey|Türkiye|Mexico|México|Brazil|Brasil|Argentina|Chile|Colombia|Peru|Perú|Uruguay|Japan|China|India|Singapore|South Africa|Luxembourg|Estonia|Latvia|Lithuania|Cyprus|Malta|Tunisia|Greenland'

/** What a line may start with before its text: mail quotes and indents. */
const lineBreak = String.raw`,?[ ]?\n[ >?|*,-]{0,6}`
const between = `(?:${lineBreak}|[ ,.]{0,3}-? ?)`

/** Flat and floor of an English or Nordic address. */
const englishUnit = new RegExp(
  String.raw`(?:${lineBreak}|, ?| |,? - ?)(?:(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|bldg|building|appt|lgh|wohnung|whg)\b\.? ?(?:#|no\.?)? ?[A-Z]?-?\d{1,5}[A-Z]?(?![${letters}\d])|#\d{1,5}[A-Z]?)`,
  'iy',
)
const iberianWords =
  'bajos?|entlo|entresuelo|principal|pral|ático|atico|sobreático|sótano|izquierda|izqda?|izq|izd[ao]|dch[ao]|esq|dto|dta|frente|derecha|dcha|drcha?|der|centro|exterior|interior|int|ext'
const iberianNamed =
  'piso|planta|pl|puerta|pta|portal|escalera|esc|bloque|bl|bq|blq|nave|local|edificio|edif|casa|letra|km|dpto|departamento|parcela|torre|andar|apartamento|apto|apt|scala|interno|piano|bâtiment|bât|étage|escalier|appt|appartement|lote|sector|barrio|manzana'
/** Block, floor and door of a Spanish, Portuguese or Italian one: `, 3ºB`, `, 2, H`, `. 4 Izq`, `, bajo A`, `piso 3º`. */
const iberianUnit = new RegExp(
  String.raw`(?:, ?|\. ?| |-| ?- ?|/)(?:(?:${iberianNamed})\b\.?[ :]?(?:\d{1,4}(?:[.,]\d{1,3})?|[A-Z]\b)?[ºª°]?(?: ?[A-Z]\b)?|(?:${iberianWords})(?![${letters}])\.?(?: ?[A-Z](?![${letters}]))?|\d{1,2}[ºª°oa]?-\d{1,2}[ºª°oa]?(?:-\d{1,2}[ºª°oa]?)?(?![\d:/-])|\d{1,3} ?(?:\.?[ºª°](?: ?-? ?(?:[A-Z](?![${letters}])|\d{1,2}(?![\d])[ºª°]?))?|[A-Z](?![${letters}])|(?:er|do|ro|to|mo|vo|no|a|o)\b(?: ?[A-Z](?![${letters}]))?)|(?<=[,.-] ?)(?:\d{1,3}|[A-Z])(?! \d{2}(?!\d)|[${letters}\d/:]|[.,]\d))`,
  'iy',
)

const townWord = String.raw`(?:\(?[${capitals}][${letters}'’.()/-]{0,24}|[${smalls}]{1,4}(?= \(?[${capitals}])|[${smalls}]{2,3}(?=[ \n]{1,2}\d{4}))`
/** Town, region, country in capitals, with the postcode after: `, Springfield, IL 62701`, `\n Nuuk\n Greenland 08167`. */
const townAndCode = new RegExp(
  String.raw`(?:(?:${lineBreak}|[ ,-]{1,3})${townWord}){1,8}(?:${lineBreak}|[ ,-]{1,3})(?:\d{4,6}(?:-\d{3,4})?|\d{3} \d{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?![\w/:-]|\.\d)`,
  'y',
)
/** Postcode and town: ` - 28046 Madrid`, `, 10115 Berlin`, `, 1012 AB Amsterdam`, then the province. */
const codeAndTown = new RegExp(
  String.raw`${between}(?:[A-Z]{1,2}-)?(?:\d{4,5}(?:-\d{3})?|\d{3} \d{2}|\d{2}-\d{3})(?![\d/:]|-\d)(?: [A-Z]{2}(?![${letters}]))?[.,]?(?: ?-)?(?:${lineBreak}| )[${capitals}][${letters}'’-]{1,24}(?: (?:[${capitals}][${letters}'’-]{1,24}|[${smalls}]{1,4}(?= [${capitals}]))){0,4}(?: \([^()\n]{2,30}\))?`,
  'y',
)
const codeAlone = /,? (?:[A-Z]{1,2}-)?\d{5}(?![\w/:-]|[.,]\d)/y
/** Without a code, a country ends it: `, Beauwelz, Belgium`. */
const townAndCountry = new RegExp(
  `(?:(?:${lineBreak}|[ ,]{1,3})${townWord}){0,5}(?:${lineBreak}|,? )(?:${countries})(?![${letters}-])`,
  'y',
)
/** A state ends it as well, without a code: `, Springfield, IL`. */
const townAndState = new RegExp(
  `,(?: [${capitals}][${letters}'’.-]{1,24}){1,4}, ?(?:${stateAbbreviations.join('|')})(?![${letters}\\d])`,
  'y',
)
/** After a flat, the town may come without a code. */
const townAlone = new RegExp(`(?:(?:${lineBreak}|,? )[${capitals}][${letters}'’.()-]{1,24}){1,5}`, 'y')

/** The lines of an address in small letters: `\n urjala\n maldives 58673`. */
const linesAndCode = new RegExp(
  String.raw`(?:${lineBreak}[${letters}][${letters} .'’()-]{1,30}){1,2}(?:${lineBreak}| )\d{4,6}(?![\w/:-]|\.\d)`,
  'y',
)
/** A flat, or one more number, may stand before the street as well. */
const beforeStreet =
  /(?<![\w.,:/#-])(?:(?:apt|apartment|suite|ste|flat|unit)\b\.? ?#?\w{1,6},? (?:\d{1,6} )?|\d{1,6} )$/i
const longestBefore = 30

const ends = [codeAndTown, townAndCode, townAndCountry, townAndState, codeAlone]

/** Follows an address from the end of its street and number over flat, town and postcode, and says where it ends. */
export function endOfAddress(text: string, streetEnd: number): number {
  let end = streetEnd
  let units = 0
  for (; units < 5; units += 1) {
    const next = endAfter(englishUnit, text, end) ?? endAfter(iberianUnit, text, end)
    if (next === undefined) break
    end = next
  }
  for (const pattern of ends) {
    const next = endAfter(pattern, text, end)
    if (next !== undefined) return next
  }
  return end
}

/** Where an address starts whose street and number start at `streetStart`. */
export function startOfAddress(text: string, streetStart: number): number {
  const lead = beforeStreet.exec(text.slice(Math.max(0, streetStart - longestBefore), streetStart))
  return streetStart - (lead?.[0].length ?? 0)
}

/** The same after a flat such as `Apt. 12`, where even a town without a postcode belongs to the address. */
export function endOfAddressAfterUnit(text: string, unitEnd: number): number {
  const end = endOfAddress(text, unitEnd)
  if (end > unitEnd) return end
  return endAfter(linesAndCode, text, end) ?? endAfter(townAlone, text, end) ?? end
}

function endAfter(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : undefined
}
