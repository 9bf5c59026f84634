import { BrokerError } from '../core/errors.ts'
import type { JobRecord } from '../core/job.ts'
import { costAtMost, type MicroUsd } from '../core/pricing.ts'
import { hasMedia, measurePrompt, readWish } from '../core/request-needs.ts'
import { refusalOf } from '../core/route-refusal.ts'
import { routeJob } from '../core/routing.ts'
import { mayUse } from '../core/tenant.ts'
import type { AcceptDeps } from './accept-job.ts'
import { type Replayer, readRequest } from './replay-job.ts'

export interface ReplayQuote {
  readonly model: string
  /** Who would serve, in order, and what the call would cost there at most. */
  readonly deployments: readonly { readonly deployment: string; readonly pool: string; readonly cost: MicroUsd }[]
  /** At the first of them. */
  readonly cost: MicroUsd
  /** At the dearest. */
  readonly costAtMost: MicroUsd
}

/**
 * What a replay would do, without doing it. Costs are upper bounds: the prompt counted here and every output token that
 * the request allows. The class is the one that was decided before; the audit of a real replay may still raise it.
 * @throws BrokerError `job_not_replayable`, `model_not_found`, and why no deployment may or can serve it
 */
export async function quoteReplay(job: JobRecord, replayer: Replayer, deps: AcceptDeps): Promise<ReplayQuote> {
  if (job.replayedBy !== null) throw new BrokerError('job_not_replayable', `It was replayed as ${job.replayedBy}.`)
  const { endpoint, bodyJson } = await readRequest(job, deps)
  const { tenant, model = job.spec.model, priority = job.spec.priority, deadlineMs } = replayer
  const { modelOf } = deps.catalogue
  if (!mayUse(tenant, model) || !modelOf(model)) throw new BrokerError('model_not_found', undefined, { param: 'model' })

  const { tariffOf, tokens } = deps.spending
  const wish = readWish(endpoint, bodyJson, job.spec.stream)
  const prompt = measurePrompt(bodyJson, () => hasMedia(wish), tokens)
  const { sensitivity, sensitivityReason, spec } = job
  const nowMs = deps.now()
  const request = {
    seed: job.id,
    model,
    tenant: tenant.name,
    tags: spec.tags ?? {},
    priority,
    sensitivity,
    prompt,
    wish: () => wish,
    deadlineMs: deadlineMs ?? nowMs + (spec.deadlineMs - spec.createdAtMs),
    nowMs,
  }
  const routing = routeJob(request, deps.catalogue, deps.signals)
  const candidates = routing.candidates.filter(({ after }) => after === null)
  if (candidates.length === 0) {
    const { code, message } = refusalOf(routing, request, sensitivityReason ?? 'as asked for')
    throw new BrokerError(code, message)
  }
  const deployments = candidates.map(({ deployment: { id, pool } }) => {
    const { price, maxOutputTokens, tokenMargin } = tariffOf(id)
    const output = wish.choices * (wish.outputTokens ?? maxOutputTokens)
    const used = price && { prompt: Math.ceil(prompt.count() * tokenMargin), output }
    return { deployment: id, pool, cost: price && used ? costAtMost(used, price) : 0 }
  })
  const costs = deployments.map(({ cost }) => cost)
  return { model, deployments, cost: costs[0] ?? 0, costAtMost: Math.max(...costs) }
}
