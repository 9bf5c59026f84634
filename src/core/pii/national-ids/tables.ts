import { africaMiddleEast } from './africa-middle-east.ts'
import { americas } from './americas.ts'
import { asiaPacific } from './asia-pacific.ts'
import { easternEurope } from './eastern-europe.ts'
import type { IdentifierRow } from './identifier-row.ts'
import { northernEurope } from './northern-europe.ts'
import { southernEurope } from './southern-europe.ts'
import { westernEurope } from './western-europe.ts'

export const identifierRows: readonly IdentifierRow[] = [
  ...westernEurope,
  ...northernEurope,
  ...southernEurope,
  ...easternEurope,
  ...americas,
  ...asiaPacific,
  ...africaMiddleEast,
]
