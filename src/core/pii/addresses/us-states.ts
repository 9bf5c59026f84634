import { wordSet } from '../word-set.ts'

const names = [
  ...['Alabama', 'Alaska', 'Arizona', 'Arkansas', 'California', 'Colorado', 'Connecticut', 'Delaware', 'Florida'],
  ...['Georgia', 'Hawaii', 'Idaho', 'Illinois', 'Indiana', 'Iowa', 'Kansas', 'Kentucky', 'Louisiana', 'Maine'],
  ...['Maryland', 'Massachusetts', 'Michigan', 'Minnesota', 'Mississippi', 'Missouri', 'Montana', 'Nebraska', 'Nevada'],
  ...['New Hampshire', 'New Jersey', 'New Mexico', 'New York', 'North Carolina', 'North Dakota', 'Ohio', 'Oklahoma'],
  ...['Oregon', 'Pennsylvania', 'Rhode Island', 'South Carolina', 'South Dakota', 'Tennessee', 'Texas', 'Utah'],
  ...['Vermont', 'Virginia', 'Washington', 'West Virginia', 'Wisconsin', 'Wyoming', 'District of Columbia'],
]
/** The abbreviations of the United States Postal Service: states, districts, territories, and armed forces abroad. */
export const stateAbbreviations = (
  'AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI ' +
  'SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI AS MP AA AE AP'
).split(' ')

/** Whether a hit is a state: `IN`, `OR` and `ME` are words too, unless they are in capitals after a town. */
export function isState(text: string, hit: { start: number; end: number }): boolean {
  if (hit.end - hit.start > 2) return true
  return abbreviation.test(text.slice(Math.max(0, hit.start - longestTown), hit.end))
}

const longestTown = 28
const abbreviation = /(?:[A-Z][a-z][A-Za-z.'-]{0,22},? |, |\n ?)[A-Z]{2}$/

/** States of the USA, by name and by abbreviation. */
export const usStates = wordSet([...names, ...stateAbbreviations])
