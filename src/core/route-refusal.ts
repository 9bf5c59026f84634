import type { ErrorCode } from './errors.ts'
import type { LeftOut } from './route-checks.ts'
import type { RouteRequest } from './route-facts.ts'
import type { Routing } from './routing.ts'

export interface RouteRefusal {
  readonly code: Extract<ErrorCode, 'no_eligible_deployment' | 'context_length_exceeded' | 'unsupported_by_deployments'>
  readonly message: string
}

const shown = 10

/**
 * What a caller is told when no deployment qualifies. Who may see it is the policy's business (403); what a request asks
 * for and nothing here can do is the request's (400). A prompt that is too long has the code that OpenAI gives it.
 */
export function refusalOf({ leftOut }: Routing, request: RouteRequest, sensitivityReason: string): RouteRefusal {
  const inability = leftOut.filter(({ obstacle }) => obstacle !== 'class' && obstacle !== 'rule')
  if (inability.length === 0) {
    const isByClass = leftOut.every(({ obstacle }) => obstacle === 'class')
    const message = isByClass
      ? `No deployment of this model may see a ${request.sensitivity} job (${sensitivityReason}).`
      : `No deployment of this model may serve this ${request.sensitivity} job: ${list(leftOut)}.`
    return { code: 'no_eligible_deployment', message }
  }
  if (inability.every(({ obstacle }) => obstacle === 'context')) {
    const message = `The prompt is too long for every deployment of this model: ${list(leftOut)}.`
    return { code: 'context_length_exceeded', message }
  }
  const needs = [...request.wish().needs].join(', ')
  const message = `No deployment of this model can serve this request, which needs ${needs}: ${list(leftOut)}.`
  return { code: 'unsupported_by_deployments', message }
}

function list(leftOut: readonly LeftOut[]): string {
  const parts = leftOut.slice(0, shown).map(({ deployment, reason }) => `${deployment.id}: ${reason}`)
  const more = leftOut.length > shown ? [`and ${leftOut.length - shown} more`] : []
  return [...parts, ...more].join('; ')
}
