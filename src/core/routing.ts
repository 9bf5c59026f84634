import type { Candidate } from './job.ts'
import { formFor } from './sensitivity.ts'
import type { Residency, Sensitivity } from './vocabulary.ts'

/** What routing knows of the configuration. */
export interface Catalogue {
  /** The deployments of a model in the order in which they are tried; undefined for an unknown model. */
  deploymentsOf(model: string): readonly Candidate[] | undefined
  residencyOf(pool: string): Residency
}

/** The pools whose dispatchers may hold a copy of the body of a job for this model. */
export function poolsOf(model: string, catalogue: Pick<Catalogue, 'deploymentsOf'>): string[] {
  return [...new Set((catalogue.deploymentsOf(model) ?? []).map(({ pool }) => pool))]
}

/** The deployments that may serve a job of this class, in order. Empty when the class allows none. */
export function chooseCandidates(input: {
  deployments: readonly Candidate[]
  sensitivity: Sensitivity
  catalogue: Pick<Catalogue, 'residencyOf'>
}): Candidate[] {
  return input.deployments.filter(({ pool }) => formFor(input.sensitivity, input.catalogue.residencyOf(pool)) !== null)
}
