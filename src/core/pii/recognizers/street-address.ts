import { endOfAddress, startOfAddress } from '../addresses/address-tail.ts'
import { findAnnounced } from '../addresses/announced-addresses.ts'
import { findPostal } from '../addresses/postal-forms.ts'
import { findStreets } from '../addresses/street-forms.ts'
import type { Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'

export const streetAddress: Recognizer = {
  entity: 'ADDRESS',
  examples: {
    finds: [
      'updated to ⟦937 Main Street, Springfield, IL⟧. And then',
      'Address: ⟦4098 Hawthorn Circle, Bristol, NC 43698⟧. Company: Acme',
      'residing at ⟦450 Maple Ln, Madison, KS 74236⟧, has',
      'is at ⟦1937 Eddie Haven, Port Kirk, Maine 60260⟧.',
      'Domicilio: ⟦Calle Canónigo Manuel Penalva, 2 8A⟧.\nLocalidad',
      'Domicilio: ⟦Av. Estrecho, 34, 2, H⟧.\nLoc',
      'en ⟦C/ San Francisco n° 1⟧.',
      'Hospital. ⟦Avda. de Córdoba, s/n - 28041 Madrid⟧. Tel',
      'wohnt ⟦Musterstraße 12a, 10115 Berlin⟧.',
      'in der ⟦Langen Straße 5⟧ und',
      'habite ⟦12 bis rue de la Paix, 75002 Paris⟧.',
      'in ⟦Via Roma 5, 20121 Milano⟧,',
      'op de ⟦Populierenstraat 374⟧.',
      'to ⟦P.O. Box 108⟧.',
      'is ⟦PSC 2581, Box 0041\nAPO AP 32376⟧',
      'to ⟦28030 Edeby 55\n Apt. 297\n TYSTBERGA\n Sweden 99178⟧',
      'på ⟦Storgatan 3⟧,',
      'na ⟦Rua das Flores 12, 1200-195 Lisboa⟧.',
    ],
    ignores: [
      '10 files per directory',
      'in 3 ways',
      'via 5 hops',
      'Arbeitsplatz 3',
      'string 12, spring 2010',
      'the test suite 12 ran',
      'address: 0x7ffe12',
      'e-mail address: none',
      '2 Running Threads',
      'av 3.2',
    ],
  },
  find(scan) {
    const { text } = scan
    const streets = [...findStreets(scan), ...findPostal(scan)].map((street) => ({
      ...street,
      start: startOfAddress(text, street.start),
      end: endOfAddress(text, street.end),
    }))
    return joinWidest([...streets, ...findAnnounced(scan)].map((stretch) => ({ ...stretch, entity: 'ADDRESS' })))
  },
}
