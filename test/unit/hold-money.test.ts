import { describe, expect, it } from 'vitest'
import type { Accounts, Budget, Refusal } from '../../src/core/budget.ts'
import { type Candidate, createJobId } from '../../src/core/job.ts'
import { holdMoney, type Spending } from '../../src/pipeline/hold-money.ts'
import { priced } from '../support/routes.ts'

const budget: Budget = {
  id: 'acme/day',
  scope: { tenant: 'acme' },
  limit: 1_000,
  softLimit: null,
  per: 'day',
  window: 'calendar',
}

/** Accounts with so much room, which keep what was asked of them. */
function accountsWith(room: number, held: number | null = null) {
  const asked: number[] = []
  const accounts: Pick<Accounts, 'reserve'> = {
    async reserve({ amount }) {
      asked.push(amount)
      if (held !== null) return { kind: 'reserved', amount: held }
      if (amount <= room) return { kind: 'reserved', amount }
      const { id, per, window, limit } = budget
      const refusal: Refusal = {
        budget: id,
        per,
        window,
        limit,
        spent: limit - room,
        reserved: 0,
        amount,
        resetsAtMs: 1,
      }
      return { kind: 'refused', refusal }
    },
  }
  return { accounts: accounts as Accounts, asked }
}

/** Prices in micro-USD for a million output tokens, of which an answer may have a million; null is free. */
function hold(
  candidates: readonly (Candidate & { price: number | null })[],
  accounts: Accounts,
  more: Partial<Spending> = {},
) {
  const prices = new Map(candidates.map(({ deployment, price }) => [deployment, price]))
  const spending: Spending = {
    accounts,
    budgets: [budget],
    tariffOf: (id) => {
      const price = prices.get(id) ?? null
      return { price: price === null ? null : priced(0, price), maxOutputTokens: 1_000_000, tokenMargin: 1 }
    },
    tokens: { countPrompt: () => 10, countAnswer: () => 0 },
    ...more,
  }
  const job = {
    id: createJobId(),
    spec: { tenant: 'acme', keyId: 'k', model: 'm' } as never,
    prompt: { atMost: 10, counted: null, count: () => 10 },
    wish: () => ({ needs: new Set<never>(), choices: 1, outputTokens: null }),
    candidates,
  }
  return holdMoney(job, spending, 0)
}

const at = (deployment: string, price: number | null, after?: Candidate['after']) => ({
  deployment,
  pool: 'cloud',
  price,
  ...(after && { after }),
})
const ids = (held: Awaited<ReturnType<typeof hold>>) =>
  held.kind === 'held' ? held.candidates.map(({ deployment }) => deployment) : held.kind

describe('holding money', () => {
  it('holds for the dearest of all that may serve', async () => {
    const { accounts, asked } = accountsWith(1_000)
    const held = await hold([at('a', 300), at('b', 900), at('free', null)], accounts)
    expect([ids(held), asked]).toEqual([['a', 'b', 'free'], [900]])
    expect(held).toMatchObject({ allowance: { reserved: 900, promptTokens: 10, choices: 1, outputTokens: null } })
  })

  it('leaves the dearest out until the rest fits, without asking for what is known not to', async () => {
    const { accounts, asked } = accountsWith(350)
    const held = await hold([at('b', 900), at('a', 300), at('c', 500), at('d', 100)], accounts)
    expect([ids(held), asked]).toEqual([
      ['a', 'd'],
      [900, 300],
    ])
    expect(held).toMatchObject({ allowance: { reserved: 300 } })
  })

  it('ends with what is free, which takes no hold', async () => {
    const { accounts, asked } = accountsWith(0)
    const held = await hold([at('a', 300), at('free', null), at('b', 500)], accounts)
    expect([ids(held), asked]).toEqual([['free'], [500]])
    expect(held).not.toHaveProperty('allowance')
  })

  it('refuses by what the cheapest would have cost, where nothing fits', async () => {
    const { accounts, asked } = accountsWith(50)
    const held = await hold([at('a', 300), at('b', 900), at('c', 200)], accounts)
    expect(held).toMatchObject({ kind: 'refused', refusal: { amount: 200 } })
    expect(asked).toEqual([900, 200])
  })

  it('does not go on with fallbacks for one failure alone', async () => {
    const { accounts } = accountsWith(250)
    const candidates = [at('a', 300), at('b', 100, 'context_too_long'), at('c', null, 'content_policy')]
    expect(await hold(candidates, accounts)).toMatchObject({ kind: 'refused', refusal: { amount: 300 } })
  })

  it('keeps to what an auditor before it has held', async () => {
    const { accounts } = accountsWith(1_000, 300)
    const held = await hold([at('a', 300), at('b', 900)], accounts)
    expect([ids(held), held]).toMatchObject([['a'], { allowance: { reserved: 300 } }])
  })

  it('counts and asks nothing where no budget counts the job or all is free', async () => {
    const { accounts, asked } = accountsWith(0)
    expect(ids(await hold([at('a', 300)], accounts, { budgets: [] }))).toEqual(['a'])
    expect(ids(await hold([at('a', null)], accounts))).toEqual(['a'])
    expect(asked).toEqual([])
  })
})
