import type { Entity } from './entities.ts'
import type { Finding } from './recognizer.ts'
import { WordSearch } from './word-set.ts'

/**
 * What is found once in a job is found everywhere in it: a number that one line introduces stands bare in the next, and
 * somebody who is introduced by the full name goes on by the last.
 */
export class EntityMemory {
  readonly #values = new Map<string, Known>()

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  /** Takes in what was found in a text. */
  learn(text: string, findings: readonly Finding[]): void {
    for (const finding of findings) {
      if (this.#values.size >= mostValues) return
      const value = text.slice(finding.start, finding.end)
      if (finding.entity === 'PERSON') this.#learnName(value, finding.score)
      else if (isUnmistakable(finding, value)) this.#add(value, finding.entity, finding.score)
    }
  }

  /** Where the known values stand in other places of the texts, in the order of the texts. */
  recall(texts: readonly string[], found: readonly (readonly Finding[])[]): Finding[][] {
    const search = new WordSearch([...this.#values.keys()])
    return texts.map((text, index) => {
      const known = found[index] ?? []
      const recalled: Finding[] = []
      let at = 0
      for (const { start, end } of search.find(text)) {
        while ((known[at]?.end ?? Number.POSITIVE_INFINITY) <= start) at += 1
        if ((known[at]?.start ?? Number.POSITIVE_INFINITY) < end) continue
        const value = this.#values.get(text.slice(start, end))
        if (!value || !standsAlone(text, start, end)) continue
        if (value.isCommon && startsSentence(text, start)) continue
        recalled.push({ start, end, entity: value.entity, score: value.score })
      }
      return recalled
    })
  }

  /** The full name, and each part of it. */
  #learnName(name: string, score: number): void {
    const parts = name.match(namePart) ?? []
    if (parts.length === 0 || parts.length > 6) return
    // A doubtful name must not take others with it.
    if (parts.length === 1 ? score < sureName : score < likelyName) return
    if (parts.length > 1) this.#add(name, 'PERSON', score)
    if (score < sureName) return
    for (const part of parts) {
      if (part.length >= shortestName && !places.has(part)) this.#add(part, 'PERSON', score)
    }
  }

  #add(value: string, entity: Entity, score: number): void {
    if (!this.#values.has(value)) this.#values.set(value, { entity, score, isCommon: commonWords.has(value) })
  }
}

interface Known {
  readonly entity: Entity
  readonly score: number
  /** Also a word of everyday language: at the start of a sentence its capital says nothing. */
  readonly isCommon: boolean
}

/** More are a list, whose entries stand where they stand. */
const mostValues = 2000
const likelyName = 0.7
const sureName = 0.85
const shortestName = 4
const shortestValue = 5
const longestValue = 64
const namePart = /\p{Lu}[\p{L}\p{M}'-]+/gu

/** What words around it gave away in one place stands without them in another. Other kinds are known by their form. */
const knownByContext: ReadonlySet<Entity> = new Set([
  ...(['USERNAME', 'PASSWORD', 'SECRET', 'PHONE', 'BANK_ACCOUNT', 'SSN', 'NATIONAL_ID', 'TAX_ID', 'PASSPORT'] as const),
  ...(['DRIVER_LICENSE', 'LICENSE_PLATE', 'CASE_NUMBER', 'MRN', 'EMPLOYEE_ID', 'HEALTH_PLAN_ID'] as const),
  ...(['PROVIDER_ID', 'DEVICE_ID', 'CREDIT_CARD'] as const),
])

/** A user name or a password that is a plain word, such as `backup`, is also that word. */
function isUnmistakable({ entity, score }: Finding, value: string): boolean {
  if (!knownByContext.has(entity) || score < 0.6 || value.length < shortestValue || value.length > longestValue)
    return false
  if (entity === 'USERNAME') return /\d/.test(value) && /\p{L}/u.test(value)
  if (/\d/.test(value)) return value.replace(/\D/g, '').length >= 4 || /\p{L}/u.test(value)
  return /[^\p{L}\s]/u.test(value)
}

/** Parts of names that are words or months as often as they are names. */
const commonWords: ReadonlySet<string> = new Set(
  `April August Autumn Baker Bank Banks Bill Bird Black Blue Brook Brown Carpenter Case Cash Chance Chase Christian Church
  City Clay Cook Cross Daily Daisy Dale Dawn Dean Doctor Drew Duke East Faith Field Fields Fish Fisher Ford Forest Fort
  Fortune Frank Free Gold Good Grace Grant Gray Green Grey Hall Hand Hart Heath Herr Hill Hills Holiday Home Hope Hunt
  Hunter Iris Ivory Jack July June Junior Justice King Knight Lake Land Lane Lily Little Long Lord Love Major Marina Mark
  Marks Mason Mercy Miles Mill Mills Miss Money Moon Moore More North Olive Page Park Parks Pearl Penny Phoenix Pierce
  Pine Pope Porter Post Potter Powers Prince Rain Read Reed Rich River Rivers Rock Rose Royal Ruby Sage Sandy Savage
  Senior Sharp Shepherd Short Silver Sister Small Smart South Spring Star Stone Storm Street Strong Summer Swift Temple
  Tower Trinity Victor Violet Wall Ward Waters Weaver Wells West White Will Winter Wise Wolf Wood Woods Young`.split(
    /\s+/,
  ),
)
/** Those that name a place more often, and the words before a name that are taken for a part of it. */
const places: ReadonlySet<string> = new Set(
  `Paris London Sydney Florence Austin Dallas Houston Washington Madison Vienna Dublin Berlin Milan Boston Denver Orlando
  Santiago Lima Cairo India China Israel Frau Herr Miss Señor Señora Signor Signora Monsieur Madame Madam Doctor Doctora
  Prof Professor Patient Dear President Colonel Captain General Bishop Kaiser Minister Senator Governor Mayor Judge
  Queen Princess Director Manager Administrator Chairman Internet Center Centre University Hospital`.split(/\s+/),
)

function standsAlone(text: string, start: number, end: number): boolean {
  return !isWordSign.test(text.charAt(start - 1)) && !isWordSign.test(text.charAt(end))
}
const isWordSign = /[\p{L}\p{N}_]/u

function startsSentence(text: string, start: number): boolean {
  return /(?:^|[.!?:;"“*•>\n-])\s*$/.test(text.slice(Math.max(0, start - 8), start))
}
