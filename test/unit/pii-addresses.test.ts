import { describe, expect, it } from 'vitest'
import type { Recognizer } from '../../src/core/pii/recognizer.ts'
import { coordinates } from '../../src/core/pii/recognizers/coordinates.ts'
import { postcode } from '../../src/core/pii/recognizers/postcode.ts'
import { streetAddress } from '../../src/core/pii/recognizers/street-address.ts'
import { Scan } from '../../src/core/pii/scan.ts'

function find(recognizer: Recognizer, text: string): string[] {
  return recognizer.find(new Scan(text)).map(({ start, end }) => text.slice(start, end))
}

describe('street addresses', () => {
  it.each([
    ['US', '350 Fifth Ave, New York, NY 10118'],
    ['US', '1600 Pennsylvania Avenue NW, Washington, DC 20500'],
    ['US', '123 Main Street\nApt 4B\nBoston, MA 02108'],
    ['US', 'PSC 2581, Box 0041\nAPO AP 32376'],
    ['CA', '100 King St W, Toronto, ON M5X 1A9'],
    ['UK', '10 Downing Street, London SW1A 2AA'],
    ['UK', 'Flat 3, 22 Acacia Avenue, Leeds LS1 4DY'],
    ['DE', 'Hauptstr. 5, 80331 München'],
    ['DE', 'Königsallee 60 B, 40212 Düsseldorf'],
    ['DE', 'Unter den Linden 77, 10117 Berlin'],
    ['CH', 'Bahnhofstrasse 45, 8001 Zürich'],
    ['FR', '5 avenue Anatole France, 75007 Paris'],
    ['FR', "37, quai d'Orsay 75007 Paris"],
    ['BE', 'Rue de la Loi 16, 1000 Bruxelles'],
    ['ES', 'C/ Gran Vía, 28, 3º izq., 28013 Madrid'],
    ['ES', 'Carrer de Mallorca, 401, 08013 Barcelona'],
    ['ES', 'Avda. de Córdoba, s/n - 28041 Madrid'],
    ['ES', 'Salamanca, 5, 36211 Vigo'],
    ['IT', 'Via Giuseppe Garibaldi, 12/A - 00153 Roma'],
    ['PT', 'Rua Augusta, 274, 2.º Esq., 1100-053 Lisboa'],
    ['BR', 'Av. Paulista, 1578 - Bela Vista, São Paulo - SP, 01310-200'],
    ['NL', 'Keizersgracht 174, 1016 DW Amsterdam'],
    ['SE', 'Drottninggatan 71C, 111 36 Stockholm'],
    ['DK', 'Vesterbrogade 3, 1620 København'],
    ['boxes', 'Postfach 10 01 02, 50441 Köln'],
    ['boxes', 'P.O. Box 108'],
  ])('are found with town and postcode: %s %s', (_country, address) => {
    expect(find(streetAddress, `(${address})`)).toEqual([address])
  })

  it.each(['Address: ', 'Domicilio: ', 'Anschrift: ', 'lives at ', 'residing at ', 'wohnhaft in '])(
    'need no word for a street after %j',
    (lead) => {
      expect(find(streetAddress, `${lead}8910 Hickory, Arlington.`)[0]).toMatch(/^8910 Hickory/)
    },
  )

  it('in the lines of a letter are one finding', () => {
    const lines = '28030 Edeby 55\n Apt. 297\n TYSTBERGA\n Sweden 99178'
    expect(find(streetAddress, `Ada Lovelace\n${lines}\n\nDear Ada`)).toEqual([lines])
  })

  it('end where the next sentence or field starts', () => {
    expect(find(streetAddress, 'Address: 4098 Hawthorn Circle, Bristol, NC 43698. Company: Acme')).toEqual([
      '4098 Hawthorn Circle, Bristol, NC 43698',
    ])
    expect(find(streetAddress, 'Domicilio: Calle Mayor, 5, 3 D.\nLocalidad: Cullera')).toEqual(['Calle Mayor, 5, 3 D'])
  })

  it.each([
    'We drove 300 miles down the road',
    'The meeting lasted 2 hours on Main Street',
    'c/o pain 6/10',
    'AV de 0,1 en OD',
    'Der Platz 5 war frei',
    'Arbeitsplatz 3',
    'running test suite 12',
    'via 5 hops',
    'address: 0x7ffe12',
    'Location: 10.0.0.7 port 22',
    'src/core/x.ts 12',
    'Brigade 12',
  ])('are not seen in %j', (text) => {
    expect(find(streetAddress, text)).toEqual([])
  })
})

describe('postcodes', () => {
  it('are found by their form, after a word, or after a state', () => {
    expect(find(postcode, 'at SW1A 1AA or K1A 0B1')).toEqual(['SW1A 1AA', 'K1A 0B1'])
    expect(find(postcode, 'ZIP: 6280, PLZ 10115, CP 28001')).toEqual(['6280', '10115', '28001'])
    expect(find(postcode, 'Portland, OR 97201 and New Hampshire 56176')).toEqual(['97201', '56176'])
  })

  it('are not numbers after small words that abbreviate a state', () => {
    expect(find(postcode, 'put 12345 in 10000 or 20000 for me 30000')).toEqual([])
  })
})

describe('coordinates', () => {
  it('are found by their points of the compass or by the words before them', () => {
    expect(find(coordinates, '40.7128° N, 74.0060° W')).toEqual(['40.7128° N, 74.0060° W'])
    expect(find(coordinates, 'lat=52.5200&lon=13.4050')).toEqual(['52.5200', '13.4050'])
  })

  it('are not the numbers of a vector', () => {
    expect(find(coordinates, '"embedding": [0.1234, 0.5678, 0.9012]')).toEqual([])
  })
})
