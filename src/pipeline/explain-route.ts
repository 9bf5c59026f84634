import type { Auditing } from '../core/auditing.ts'
import { type AccountHolder, type BudgetState, budgetsFor, formatUsd } from '../core/budget.ts'
import type { Capability } from '../core/capabilities.ts'
import { BrokerError } from '../core/errors.ts'
import type { JobSpec, MaskedCounts } from '../core/job.ts'
import type { MicroUsd } from '../core/pricing.ts'
import type { RouteRequest } from '../core/route-facts.ts'
import { estimateCost } from '../core/route-order.ts'
import type { RoutedDeployment, Routing } from '../core/routing.ts'
import type { DeploymentSignals } from '../core/routing-signals.ts'
import { stricter } from '../core/sensitivity.ts'
import { mayUse, type Tenant } from '../core/tenant.ts'
import type { Endpoint, Priority, Sensitivity } from '../core/vocabulary.ts'
import { type ChoosingDeps, chooseDeployments, describeRequest, type NotChosen } from './choose-deployments.ts'
import { type Examined, examine } from './examine-job.ts'
import { costsAtMost, type Spending } from './hold-money.ts'

export interface ExplainDeps extends ChoosingDeps {
  readonly auditing: Auditing
  readonly spending: Spending
  readonly budgetStates: (nowMs: number) => Promise<readonly BudgetState[]>
  /** Null for a tenant that is not configured. */
  readonly tenantOf: (name: string) => Pick<Tenant, 'name' | 'sensitivity' | 'models'> | null
}

/** A job that might be. */
export interface RouteQuestion {
  readonly model: string
  readonly tenant: string | null
  readonly tags: Readonly<Record<string, string>>
  readonly priority: Priority
  /** As a caller would ask for it; null for the tenant's default. */
  readonly sensitivity: Sensitivity | null
  readonly deadlineMs: number
  readonly endpoint: Endpoint
  /** Null where only needs and numbers are asked about; then nothing is examined. */
  readonly bodyJson: string | null
  readonly stream: boolean
  /** Beyond what the body needs. */
  readonly needs: readonly Capability[]
  /** Instead of a count. */
  readonly promptTokens: number | null
  readonly outputTokens: number | null
  /** What weighted draws go by: the id of a job. */
  readonly seed: string
}

export interface ExplainedDeployment extends RoutedDeployment {
  readonly signals: DeploymentSignals
  /** With an answer of the usual length. */
  readonly estimatedCost: MicroUsd
  /** What a budget would hold for it. */
  readonly costAtMost: MicroUsd
  /** Why a budget of the tenant has no room for it; null where all have. */
  readonly overBudget: string | null
}

export interface Explanation {
  readonly sensitivity: Sensitivity
  readonly reason: string
  readonly found: MaskedCounts
  readonly request: RouteRequest
  readonly candidates: readonly ExplainedDeployment[]
  readonly leftOut: Routing['leftOut']
  readonly rules: Routing['rules']
  /** Why the job would not be served; null where it would. */
  readonly refused: Pick<NotChosen, 'code' | 'message'> | null
}

/**
 * What the auditor would decide about such a job now, without holding money or storing anything: the same code, the same
 * signals. @throws BrokerError `model_not_found`, or `invalid_request` for an unknown tenant
 */
export async function explainRoute(question: RouteQuestion, deps: ExplainDeps): Promise<Explanation> {
  const { model, tenant: tenantName, bodyJson } = question
  if (!deps.catalogue.modelOf(model)) {
    throw new BrokerError('model_not_found', 'There is no such model in the configuration.', { param: 'model' })
  }
  const tenant = tenantName === null ? null : deps.tenantOf(tenantName)
  if (tenantName !== null && tenant === null) {
    throw new BrokerError('invalid_request', 'There is no such tenant in the configuration.', { param: 'tenant' })
  }
  const sensitivity = stricter(
    tenant?.sensitivity.floor ?? 'public',
    question.sensitivity ?? tenant?.sensitivity.default ?? 'internal',
  )
  const spec = { ...question, tenant: tenantName ?? '', sensitivity }
  const examined = await look(spec, bodyJson, deps)
  const job = { seed: question.seed, spec, sensitivity: examined.sensitivity, bodyJson: examined.asWritten }
  const request = withAnswers(describeRequest(job, deps.spending.tokens, deps.now()), question)
  const { routing, refused } = chooseDeployments(request, examined, sensitivity, deps)
  const mayAsk = tenant === null || mayUse(tenant, model)
  const forbidden = { code: 'model_not_found', message: `The tenant ${tenantName} may not use this model.` } as const
  const blocked = examined.blocked === null ? null : ({ code: 'content_blocked', message: examined.blocked } as const)
  return {
    sensitivity: examined.sensitivity,
    reason: examined.reason,
    found: examined.found,
    request,
    candidates: await judge(routing.candidates, request, deps),
    leftOut: routing.leftOut,
    rules: routing.rules,
    refused: mayAsk ? (blocked ?? refused) : forbidden,
  }
}

type Looked = Pick<
  Examined,
  'sensitivity' | 'reason' | 'found' | 'asWritten' | 'blocked' | 'failedDetector' | 'mayBeBlocked'
>

type LookSpec = Pick<JobSpec, 'tenant' | 'endpoint' | 'sensitivity'>

function look(spec: LookSpec, bodyJson: string | null, { auditing }: ExplainDeps): Promise<Looked> | Looked {
  if (bodyJson !== null) return examine(spec, bodyJson, auditing.of(spec.tenant))
  return {
    sensitivity: spec.sensitivity,
    reason: 'as asked for; no body was given to look into',
    found: {},
    asWritten: '{}',
    blocked: null,
    failedDetector: null,
    mayBeBlocked: false,
  }
}

/** What the question says itself goes before what its body says. */
function withAnswers(request: RouteRequest, question: RouteQuestion): RouteRequest {
  const { needs, promptTokens, outputTokens } = question
  const read = request.wish()
  const wish = { ...read, needs: new Set([...read.needs, ...needs]), outputTokens: outputTokens ?? read.outputTokens }
  const told = { atMost: promptTokens ?? 0, counted: promptTokens, count: () => promptTokens ?? 0 }
  return { ...request, wish: () => wish, prompt: promptTokens === null ? request.prompt : told }
}

async function judge(
  candidates: Routing['candidates'],
  request: RouteRequest,
  { signals, spending, budgetStates }: ExplainDeps,
): Promise<ExplainedDeployment[]> {
  const { tenant, model, tags, nowMs } = request
  // Of which key the job would be is not known, so budgets of one key are left out.
  const holder = { tenant, key: '', model, tags }
  const states = budgetsFor(spending.budgets, holder).length === 0 ? [] : await budgetStates(nowMs)
  const tightest = findTightest(states, holder)
  const ids = candidates.map(({ deployment }) => ({ deployment: deployment.id }))
  const { amounts } = costsAtMost(ids, request, spending)
  return candidates.map((candidate, index) => {
    const costAtMost = amounts[index] ?? 0
    return {
      ...candidate,
      signals: signals.of(candidate.deployment.id),
      estimatedCost: estimateCost(candidate.deployment.price, request),
      costAtMost,
      overBudget:
        tightest && costAtMost > tightest.room
          ? `the budget ${tightest.id} has ${formatUsd(Math.max(0, tightest.room))} left`
          : null,
    }
  })
}

function findTightest(states: readonly BudgetState[], holder: AccountHolder): { id: string; room: MicroUsd } | null {
  const rooms = states
    .filter(({ budget }) => budgetsFor([budget], holder).length > 0)
    .map(({ budget, spent, reserved }) => ({ id: budget.id, room: budget.limit - spent - reserved }))
  return rooms.sort((left, right) => left.room - right.room)[0] ?? null
}
