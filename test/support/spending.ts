import { expect } from 'vitest'
import type { TestBroker, TestBrokerOptions } from './broker.ts'
import { eventually } from './eventually.ts'

/** Dollars per million tokens; so many micro-dollars is one token. */
export const price = { input: 1_000, output: 2_000 }
/** 7 tokens in and 5 out, which the test upstream says of every call. */
export const callCost = 17_000

/** `paid` costs money, `free` does not, `mixed` prefers what costs money. */
export const paidModels: NonNullable<TestBrokerOptions['models']> = {
  paid: [{ id: 'paid-a', pool: 'cloud', price }],
  other: [{ id: 'other-a', pool: 'cloud', price }],
  reasoning: [{ id: 'reasoning-a', pool: 'cloud', price, provider: 'openai' }],
  free: [{ id: 'free-a', pool: 'studio' }],
  mixed: [
    { id: 'mixed-cloud', pool: 'cloud', price },
    { id: 'mixed-studio', pool: 'studio' },
  ],
}

/** A chat that may write ten tokens: it holds 20,000 micro-dollars for them and some more for its few words. */
export function chatBody(more: object = {}): object {
  return { model: 'paid', max_tokens: 10, messages: [{ role: 'user', content: 'echo: yes' }], ...more }
}

export function jobBody(more: object = {}, body: object = {}): object {
  const { model: _model, ...chat } = chatBody(body) as { model: string }
  return { model: 'paid', input: { endpoint: '/v1/chat/completions', body: chat }, ...more }
}

export interface BudgetView {
  readonly id: string
  readonly tenant: string
  readonly limit_usd: number
  readonly spent_usd: number
  readonly reserved_usd: number
  readonly resets_at: number | null
}

export interface JobView {
  readonly id: string
  readonly status: string
  readonly cost_usd: number | null
  readonly deployment: string | null
  readonly attempts: readonly { deployment: string; outcome: string; cost_usd: number }[]
  readonly error: { code: string; message: string } | null
}

/** What a client and an operator do about money. */
export class Spender {
  readonly #broker: TestBroker

  constructor(broker: TestBroker) {
    this.#broker = broker
  }

  chat(tenant: string, more: object = {}, headers: Record<string, string> = {}): Promise<Response> {
    return this.#broker.send('/v1/chat/completions', { tenant, json: chatBody(more), headers })
  }

  /** Makes a job. Resolves with its id. */
  async submit(tenant: string, more: object = {}, body: object = {}): Promise<string> {
    const response = await this.#broker.send('/v1/jobs', { tenant, json: jobBody(more, body) })
    expect(response.status).toBe(202)
    return ((await response.json()) as { id: string }).id
  }

  async job(tenant: string, id: string, query = ''): Promise<JobView> {
    const response = await this.#broker.send(`/v1/jobs/${id}${query}`, { tenant })
    expect(response.status).toBe(200)
    return (await response.json()) as JobView
  }

  /** Waits for the end of a job. */
  async ended(tenant: string, id: string): Promise<JobView> {
    const job = await this.job(tenant, id, '?wait=15')
    expect(['queued', 'in_progress'], `${id} has not ended`).not.toContain(job.status)
    return job
  }

  admin(path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#broker.adminKey}` }
    return this.#broker.send(`/admin/v1${path}`, { tenant: null, headers })
  }

  /** The first budget of a tenant. */
  async budget(tenant: string): Promise<BudgetView> {
    const { data } = (await (await this.admin(`/budgets?tenant=${tenant}`)).json()) as { data: BudgetView[] }
    const [budget] = data
    if (!budget) throw new Error(`no budget of ${tenant}`)
    return budget
  }

  /** Waits until so many micro-dollars are spent and none are held. */
  async untilSpent(tenant: string, microUsd: number): Promise<BudgetView> {
    const usd = microUsd / 1_000_000
    const last: { budget?: BudgetView } = {}
    return eventually(`${tenant} has spent ${usd} and holds nothing`, async () => {
      last.budget = await this.budget(tenant)
      return last.budget.spent_usd === usd && last.budget.reserved_usd === 0 && last.budget
    }).catch((error: Error) => {
      throw new Error(`${error.message}; now ${JSON.stringify(last.budget)}`)
    })
  }

  /** Waits until every record is archived. */
  async untilRecorded(): Promise<void> {
    await eventually('everything is archived', async () => (await this.#broker.redis.xlen('sluice:records')) === 0)
  }

  async ledger(query = ''): Promise<Record<string, unknown>[]> {
    const text = await (await this.admin(`/ledger?format=jsonl${query}`)).text()
    const lines = text.split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}
