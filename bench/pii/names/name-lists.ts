/** Lists of names and words that the model knows, out of packages under the MIT licence (see ../README.md). */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fact, packFacts } from '../../../src/core/pii/names/lexicon.ts'

export interface NameLists {
  /** What is known of each word in small letters. */
  readonly facts: ReadonlyMap<string, number>
  /** Per locale, to put other names in the place of those of a text. */
  readonly locales: readonly LocaleNames[]
  readonly cities: readonly string[]
  readonly places: readonly string[]
}

export interface LocaleNames {
  readonly locale: string
  readonly first: readonly string[]
  readonly last: readonly string[]
}

/** `packages` is a folder where `npm install @faker-js/faker compromise` was run. */
export async function readNameLists(packages: string): Promise<NameLists> {
  const names = new Map<string, number>()
  const note = (word: string, bit: number) => names.set(word, (names.get(word) ?? 0) | bit)
  const require = createRequire(join(packages, 'package.json'))
  const faker = await import(pathToFileURL(require.resolve('@faker-js/faker')).href)
  const nlp = await import(pathToFileURL(require.resolve('compromise/three')).href)
  const locales: LocaleNames[] = []
  const cities: string[] = []
  const places: string[] = []
  const countries = new Map<string, Set<string>>()
  for (const [locale, data] of Object.entries<Record<string, unknown>>(faker.allLocales)) {
    const first = flatten(pick(data, 'person', 'first_name'))
    const last = flatten(pick(data, 'person', 'last_name'))
    if (first.length > 0 && last.length > 0) locales.push({ locale, first, last })
    for (const name of first) {
      for (const word of wordsOf(name)) {
        note(word, fact.firstName)
        const seen = countries.get(word) ?? new Set()
        countries.set(word, seen.add(locale.slice(0, 2)))
      }
    }
    for (const name of last) for (const word of wordsOf(name)) note(word, fact.lastName)
    cities.push(...flatten(pick(data, 'location', 'city_name')))
    for (const key of ['country', 'state', 'county', 'continent']) places.push(...flatten(pick(data, 'location', key)))
  }
  for (const [word, seen] of countries) if (seen.size >= 3) note(word, fact.commonFirstName)
  for (const [words, tag] of Object.entries<string | string[]>(nlp.default.model().one.lexicon)) {
    const tags = [tag].flat()
    const is = (name: string) => tags.includes(name)
    if (is('MaleName') || is('FemaleName') || is('FirstName')) {
      for (const word of wordsOf(words)) note(word, fact.firstName | fact.commonFirstName)
    } else if (is('LastName')) for (const word of wordsOf(words)) note(word, fact.lastName)
    else if (is('City')) cities.push(titleCase(words))
    else if (is('Person')) {
      const parts = wordsOf(words)
      for (const [index, word] of parts.entries())
        note(word, index === 0 && parts.length > 1 ? fact.firstName : fact.lastName)
    } else if (is('Country') || is('Region') || is('Place')) places.push(titleCase(words))
    else if (is('Organization') || is('SportsTeam')) for (const word of wordsOf(words)) note(word, fact.organisation)
  }
  for (const region of regions) {
    for (const locale of displayLocales) {
      const name = new Intl.DisplayNames([locale], { type: 'region' }).of(region)
      if (name && name !== region) places.push(name)
    }
  }
  for (const zone of Intl.supportedValuesOf('timeZone'))
    cities.push((zone.split('/').at(-1) ?? '').replaceAll('_', ' '))
  for (const place of [...cities, ...places]) {
    const parts = wordsOf(place)
    for (const part of parts)
      if (part.length > 2 || parts.length === 1) note(part, parts.length === 1 ? fact.place : fact.placePart)
  }
  for (const word of knownLastNames) note(word, fact.lastName)
  for (const word of littleWords) names.delete(word)
  return { facts: addFrequencies(names), locales, cities, places }
}

const regions = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].flatMap((a) => [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((b) => a + b))
const displayLocales = ['en', 'de', 'es', 'fr', 'it', 'pt', 'nl', 'sv', 'pl', 'da']

/** Last names that news is full of and the lists lack. */
const knownLastNames =
  `bush clinton obama trump biden reagan nixon kennedy carter lincoln churchill thatcher blair cameron johnson merkel schröder
  kohl macron sarkozy hollande chirac mitterrand putin yeltsin gorbachev stalin lenin hitler mussolini franco napoleon castro
  chavez maduro lula bolsonaro rousseff berlusconi renzi prodi rajoy zapatero aznar erdogan netanyahu sharon arafat abbas
  assad hussein saddam khomeini rouhani gaddafi mubarak sisi mandela zuma modi gandhi nehru bhutto musharraf karzai jinping
  zedong mao kim moon abe koizumi rumsfeld cheney powell rice wolfowitz rove pelosi mccain romney sanders warren pence
  einstein newton darwin freud marx nietzsche kant shakespeare goethe mozart beethoven bach picasso dali messi ronaldo neymar
  beckham federer nadal djokovic bieber beyonce rihanna gaga swift drake eminem kardashian jobs musk bezos zuckerberg gates`
    .trim()
    .split(/\s+/)

/** Words of every day that the lists hold as parts of names of places and companies. */
const littleWords =
  'the of and in on at for to a an is it i my me you we he she de la le les el los das der die den und et y e o do da du des en van von im am an auf no not new old'.split(
    ' ',
  )

function pick(data: Record<string, unknown>, area: string, key: string): unknown {
  const part = data[area]
  return typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[key] : undefined
}

/** Lists stand bare, by sex, or with weights. */
function flatten(value: unknown): string[] {
  if (typeof value === 'string') return value.includes('{{') ? [] : [value]
  if (Array.isArray(value)) return value.flatMap(flatten)
  if (typeof value !== 'object' || value === null) return []
  const weighted = value as { value?: unknown }
  return 'value' in weighted ? flatten(weighted.value) : Object.values(value).flatMap(flatten)
}

function wordsOf(name: string): string[] {
  return name.toLowerCase().match(/[\p{L}\p{M}]{2,}/gu) ?? []
}

function titleCase(text: string): string {
  return text.replace(/(?<![\p{L}'])\p{Ll}/gu, (letter) => letter.toUpperCase())
}

/** A tokenizer's merges are in the order of how often a word is written: small and with a capital. */
function addFrequencies(names: ReadonlyMap<string, number>): Map<string, number> {
  const ranks = readRanks()
  const facts = new Map<string, number>()
  const words = new Set([...names.keys()])
  for (const [word, rank] of ranks) if (rank < rarest) words.add(word.toLowerCase())
  for (const word of words) {
    const small = ranks.get(word)
    const capital = ranks.get(word.charAt(0).toUpperCase() + word.slice(1))
    facts.set(word, packFacts(names.get(word) ?? 0, frequencyOf(small), tendencyOf(small, capital)))
  }
  return facts
}

/** The model has no room for all of a tokenizer's words. */
const rarest = 110_000

function readRanks(): Map<string, number> {
  const require = createRequire(import.meta.url)
  const file = join(require.resolve('gpt-tokenizer/package.json'), '..', 'data', 'o200k_base.tiktoken')
  const ranks = new Map<string, number>()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [bytes = '', rank = ''] = line.split(' ')
    const token = Buffer.from(bytes, 'base64').toString('utf8')
    // Words of Latin, Greek and Cyrillic letters; the vocabulary has more scripts than the model has room for.
    if (/^ (?:\p{Lu}|\p{Ll})\p{Ll}+$/u.test(token)) ranks.set(token.slice(1), Number(rank))
  }
  return ranks
}

function frequencyOf(small: number | undefined): number {
  if (small === undefined) return 0
  return small < 12_000 ? 3 : small < 50_000 ? 2 : 1
}

function tendencyOf(small: number | undefined, capital: number | undefined): number {
  if (small === undefined) return capital === undefined ? 0 : 7
  if (capital === undefined) return 1
  const ratio = capital / small
  if (ratio > 6) return 2
  if (ratio > 1.5) return 3
  return ratio > 0.67 ? 4 : ratio > 0.17 ? 5 : 6
}
