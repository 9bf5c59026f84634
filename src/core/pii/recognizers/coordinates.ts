import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

const decimal = String.raw`[+-]?\d{1,3}\.\d{2,15}`
/** Degrees, with minutes and seconds or a fraction, and a point of the compass on either side: `40.7128° N`, `N 48°51'24"`. */
const degrees = String.raw`(?:[NSEWO] ?)?[+-]?\d{1,3}(?:\.\d{1,15})? ?°(?: ?\d{1,2}(?:\.\d{1,8})? ?['′’](?: ?\d{1,2}(?:\.\d{1,8})? ?(?:["″”]|''))?)?(?: ?[NSEWO](?![\p{L}]))?`
const degreePair = new RegExp(`${degrees}[ ,;/]{1,3}${degrees}`, 'uy')
const compassPair = new RegExp(String.raw`${decimal} ?[NS][ ,;/]{1,3}${decimal} ?[EWO](?![\p{L}])`, 'uy')
/** Less than three decimals are a place on a screen or a sheet. */
const decimalPair = /(?<![\d.])[+-]?\d{1,3}\.\d{3,15}(?:, ?|; ?| |%2C)[+-]?\d{1,3}\.\d{3,15}(?![\d.])/y
const oneDecimal = new RegExp(String.raw`["']?[ :=]{1,3}["']?(${decimal})(?![\d.])`, 'y')

/** After these words two numbers are a place. Without, two fractions may be anything: vectors, ranges, prices. */
const pairWords = wordSet([
  ...['coordinates', 'coordinate', 'coords', 'gps', 'geo', 'geolocation', 'location', 'position', 'latlng', 'latlong'],
  ...[
    'lat/lon',
    'lat/long',
    'lat,lon',
    'lat, lon',
    'll',
    'coordenadas',
    'koordinaten',
    'coordonnées',
    'coordinate gps',
  ],
  ...['ubicación', 'posizione', 'posição', 'koordinater', 'coördinaten', 'standort', 'maps', 'point', 'latitude'],
])
const axisWords = wordSet([
  ...['lat', 'lon', 'lng', 'long', 'latitude', 'longitude', 'latitud', 'longitud', 'breitengrad', 'längengrad'],
  ...['latitudine', 'longitudine', 'breedtegraad', 'lengtegraad'],
])
const longestLead = 24

export const coordinates: Recognizer = {
  entity: 'GEO',
  examples: {
    finds: [
      'at ⟦40.7128° N, 74.0060° W⟧.',
      `⟦48°51'24"N 2°21'03"E⟧`,
      'GPS: ⟦52.5200, 13.4050⟧',
      'geo:⟦37.786971,-122.399677⟧',
      'maps/@⟦48.8584,2.2945⟧,17z',
      '"latitude": ⟦40.7128⟧',
      'found at ⟦51.5007 N, 0.1246 W⟧ today',
    ],
    ignores: [
      '[0.1234, 0.5678]',
      '20.5° C, 30.1° C',
      'location 12, 14',
      'gps 200.1234, 300.1234',
      'position 10.25, 20.50',
      'lat 1',
      'a 90° turn',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    for (let at = text.indexOf('°'); at !== -1; at = text.indexOf('°', at + 1)) {
      const start = startOfDegrees(text, at)
      degreePair.lastIndex = start
      const found = degreePair.exec(text)?.[0]
      if (!found || !/[NSEWO]|['′’]/.test(found)) continue
      findings.push({ start, end: start + found.length, entity: 'GEO', score: 0.9 })
      at = start + found.length
    }
    for (const end of scan.hits(pairWords).ends) addPair(text, end, findings)
    for (const at of placesOfPairs(text)) addCompassPair(text, at, findings)
    for (const end of scan.hits(axisWords).ends) {
      oneDecimal.lastIndex = end
      const value = oneDecimal.exec(text)?.[1]
      if (value === undefined || Math.abs(Number(value)) > 180) continue
      findings.push({
        start: oneDecimal.lastIndex - value.length,
        end: oneDecimal.lastIndex,
        entity: 'GEO',
        score: 0.75,
      })
    }
    return joinWidest(findings)
  },
}

function startOfDegrees(text: string, sign: number): number {
  const lead = /(?:[NSEWO] ?)?[+-]?\d{1,3}(?:\.\d{1,15})? ?$/.exec(text.slice(Math.max(0, sign - 24), sign))
  return sign - (lead?.[0].length ?? 0)
}

function addPair(text: string, from: number, findings: Finding[]): void {
  for (let start = from; start <= from + longestLead && start < text.length; start += 1) {
    const unit = text.charCodeAt(start)
    if (unit === newline) return
    if (!(unit >= 48 && unit <= 57) && unit !== minus && unit !== plus) continue
    decimalPair.lastIndex = start
    const found = decimalPair.exec(text)?.[0]
    if (found && isPlace(found)) findings.push({ start, end: start + found.length, entity: 'GEO', score: 0.8 })
    return
  }
}

/** Where a fraction with a point of the compass may end: the search is for ` N` and ` S`, which are rare after digits. */
function* placesOfPairs(text: string): Generator<number> {
  for (const sign of ['N', 'S']) {
    for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
      const lead = text.charCodeAt(at - 1) === 32 ? at - 2 : at - 1
      const unit = text.charCodeAt(lead)
      if (unit >= 48 && unit <= 57) yield at
    }
  }
}

function addCompassPair(text: string, sign: number, findings: Finding[]): void {
  const lead = /[+-]?\d{1,3}\.\d{2,15} ?$/.exec(text.slice(Math.max(0, sign - 22), sign))
  if (!lead) return
  compassPair.lastIndex = sign - lead[0].length
  if (!compassPair.test(text)) return
  findings.push({ start: sign - lead[0].length, end: compassPair.lastIndex, entity: 'GEO', score: 0.85 })
}

function isPlace(pair: string): boolean {
  const [latitude = 999, longitude = 999] = pair.split(/, ?|; ?| |%2C/).map(Number)
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
}

const newline = 10
const minus = 0x2d
const plus = 0x2b
