import { type Residency, type Sensitivity, sensitivities } from './vocabulary.ts'

/** The stricter of two classes: a class may only rise. */
export function stricter(left: Sensitivity, right: Sensitivity): Sensitivity {
  return sensitivities.indexOf(left) >= sensitivities.indexOf(right) ? left : right
}

/** What a job of this class may look like in a pool of this residency, or `null` when it may not be there at all. */
export function formFor(sensitivity: Sensitivity, residency: Residency): 'as_written' | 'masked' | null {
  if (residency === 'onprem' || sensitivity === 'public') return 'as_written'
  return sensitivity === 'internal' ? 'masked' : null
}
