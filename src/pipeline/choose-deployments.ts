import type { ErrorCode } from '../core/errors.ts'
import type { JobSpec } from '../core/job.ts'
import { hasMedia, measurePrompt, readWish } from '../core/request-needs.ts'
import type { RequestWish, RouteRequest } from '../core/route-facts.ts'
import { refusalOf } from '../core/route-refusal.ts'
import { type Catalogue, type Routing, routeJob } from '../core/routing.ts'
import type { RoutingSignals } from '../core/routing-signals.ts'
import type { TokenCounter } from '../core/token-counter.ts'
import type { Sensitivity } from '../core/vocabulary.ts'
import type { Examined } from './examine-job.ts'

export interface ChoosingDeps {
  readonly catalogue: Catalogue
  readonly signals: RoutingSignals
  readonly now: () => number
}

export type ChoosingSpec = Pick<
  JobSpec,
  'endpoint' | 'model' | 'tenant' | 'stream' | 'priority' | 'sensitivity' | 'deadlineMs'
> & {
  readonly tags?: JobSpec['tags'] | undefined
}

/** What choosing goes by. The body is read, and its tokens are counted, when somebody needs that first. */
export function describeRequest(
  job: { seed: string; spec: ChoosingSpec; sensitivity: Sensitivity; bodyJson: string },
  tokens: TokenCounter,
  nowMs: number,
): RouteRequest {
  const { seed, spec, sensitivity, bodyJson } = job
  let read: RequestWish | undefined
  const wish = () => {
    read ??= readWish(spec.endpoint, bodyJson, spec.stream)
    return read
  }
  return {
    seed,
    model: spec.model,
    tenant: spec.tenant,
    tags: spec.tags ?? {},
    priority: spec.priority,
    sensitivity,
    prompt: measurePrompt(bodyJson, () => hasMedia(wish()), tokens),
    wish,
    deadlineMs: spec.deadlineMs,
    nowMs,
  }
}

export interface NotChosen {
  /** `wait`: a detector is away, and nobody may see what nobody has looked at. */
  readonly kind: 'reject' | 'wait'
  readonly code: ErrorCode
  readonly message: string
}

export interface Choice {
  readonly routing: Routing
  /** Null where somebody serves. */
  readonly refused: NotChosen | null
}

/** Who serves a request, by what was found in it. */
export function chooseDeployments(
  request: RouteRequest,
  examined: Pick<Examined, 'reason' | 'failedDetector' | 'mayBeBlocked'>,
  asked: Sensitivity,
  deps: Pick<ChoosingDeps, 'catalogue' | 'signals'>,
): Choice {
  const routing = routeJob(request, deps.catalogue, deps.signals)
  const isServed = routing.candidates.some(({ after }) => after === null)
  if (isServed && !examined.mayBeBlocked) return { routing, refused: null }
  // A class that the caller asked for stays when the detector is back.
  const isFinal = asked === 'restricted' && !isServed
  if (examined.failedDetector === null || isFinal) {
    return { routing, refused: { kind: 'reject', ...refusalOf(routing, request, examined.reason) } }
  }
  const message = `The detector ${examined.failedDetector} is away, and nothing goes unexamined where its findings decide.`
  return { routing, refused: { kind: 'wait', code: 'detector_unavailable', message } }
}
