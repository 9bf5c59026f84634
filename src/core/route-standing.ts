import type { GateClosed, GateClosedReason, GateView } from './gate.ts'
import type { DeploymentFacts, RequestWish, RouteRequest } from './route-facts.ts'
import type { DeploymentSignals, DeploymentSpeed } from './routing-signals.ts'

/**
 * How a deployment stands at the moment.
 *
 * - `ready`: a call could pass.
 * - `busy`: a limit is reached; it is there, and has room soon.
 * - `late`: by what was measured, its answer would come after the deadline.
 * - `away`: its breaker is open, or no node takes jobs for it.
 */
type Standing = 'ready' | 'busy' | 'late' | 'away'

export interface Stand {
  readonly standing: Standing
  /** Why it is not ready; null where it is. */
  readonly note: string | null
}

/** What an answer has, for comparing prices and speeds: a limit is more than what most answers use of it. */
const usualAnswerTokens = 500

export function answerTokens({ outputTokens }: RequestWish): number {
  return Math.min(outputTokens ?? usualAnswerTokens, usualAnswerTokens)
}

export function standOf(deployment: DeploymentFacts, signals: DeploymentSignals, request: RouteRequest): Stand {
  const { gate, readyNodes } = signals
  if (readyNodes === 0) return { standing: 'away', note: `no live node of ${deployment.pool} takes jobs for it` }
  const closed = closedNow(gate, request.nowMs)
  if (closed?.reason === 'breaker') {
    const until = describeWait(closed.opensAtMs, request.nowMs)
    return { standing: 'away', note: `${busyWords.breaker}${until}` }
  }
  const late = describeDelay(signals, request)
  if (late !== null) return { standing: 'late', note: late }
  if (!gate || closed === null) return { standing: 'ready', note: null }
  return { standing: 'busy', note: `${busyWords[closed.reason]}${describeWait(closed.opensAtMs, request.nowMs)}` }
}

/** What was seen a moment ago may have passed since: a breaker that is due lets a probe through. */
function closedNow(gate: GateView | null, nowMs: number): GateClosed | null {
  const closed = gate?.closed ?? null
  return closed?.opensAtMs != null && closed.opensAtMs <= nowMs ? null : closed
}

const busyWords: Readonly<Record<GateClosedReason, string>> = {
  retry_after: 'its upstream asked to be left alone',
  requests: 'its requests of this minute are used up',
  tokens: 'its tokens of this minute are used up',
  parallel: 'all its places are taken',
  parked: 'jobs wait for it already',
  breaker: 'its breaker is open',
  not_ready: 'its node is not ready',
}

function describeWait(opensAtMs: number | null, nowMs: number): string {
  if (opensAtMs === null) return ''
  return `, for another ${Math.ceil((opensAtMs - nowMs) / 1000)} s`
}

function describeDelay(signals: DeploymentSignals, request: RouteRequest): string | null {
  const leftMs = request.deadlineMs - request.nowMs
  // Nobody reads a body of megabytes to find that its answer may be shorter still.
  if (signals.speed === null || answerMs(signals.speed, usualAnswerTokens) <= leftMs) return null
  const expectedMs = expectedAnswerMs(signals, request)
  if (expectedMs === null || expectedMs <= leftMs) return null
  return `an answer takes it about ${seconds(expectedMs)} s, the deadline is in ${seconds(Math.max(0, leftMs))} s`
}

/** How long an answer takes by what was measured; null where nothing was. */
export function expectedAnswerMs({ speed }: DeploymentSignals, { wish }: RouteRequest): number | null {
  return speed && answerMs(speed, answerTokens(wish()))
}

function answerMs({ firstTokenMs, tokensPerSecond }: DeploymentSpeed, tokens: number): number {
  return firstTokenMs + (tokens / Math.max(tokensPerSecond, slowest)) * 1000
}

const slowest = 0.01

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
