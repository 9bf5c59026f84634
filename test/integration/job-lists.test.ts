import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { hang } from '../support/chat-upstream.ts'

/** Lists of a tenant with more jobs than one request looks at. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ script: hang, redisPools: [] })
})
afterAll(() => broker[Symbol.asyncDispose]())

interface Page {
  readonly data: { readonly id: string }[]
  readonly first_id: string | null
  readonly last_id: string | null
  readonly has_more: boolean
}

const list = async (query: string) => (await (await broker.send(`/v1/jobs?${query}`)).json()) as Page
const line = (model: string) =>
  JSON.stringify({
    model,
    input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'x' }] } },
  })

async function make(models: readonly string[]): Promise<string[]> {
  const headers = { 'content-type': 'application/x-ndjson' }
  const response = await broker.send('/v1/jobs/bulk', { body: models.map(line).join('\n'), headers })
  const text = await response.text()
  return text
    .trim()
    .split('\n')
    .map((answer) => (JSON.parse(answer) as { id: string }).id)
}

describe('what is rare among many jobs', () => {
  it('is found over several pages, none of which looks at all of them', async () => {
    const rare: string[] = []
    rare.push(...(await make(['cloud'])))
    await make(Array.from({ length: 2_500 }, () => 'local'))
    rare.unshift(...(await make(['cloud'])))
    await make(Array.from({ length: 2_500 }, () => 'local'))

    const found: string[] = []
    const sizes: number[] = []
    let after = ''
    for (let page = await list('model=cloud'); ; page = await list(`model=cloud${after}`)) {
      found.push(...page.data.map(({ id }) => id))
      sizes.push(page.data.length)
      expect(page.last_id === null && page.has_more).toBe(false)
      if (!page.has_more) break
      after = `&after=${page.last_id}`
    }
    expect(found).toEqual(rare)
    expect(sizes).toEqual([0, 1, 1])
  })

  it('has its status sought the same way', async () => {
    const { data } = await list('model=cloud&limit=1')
    const ids = await make(['cloud'])
    await broker.send(`/v1/jobs/${ids[0]}/cancel`, { method: 'POST' })
    expect(data).toEqual([])
    const cancelled = await list('status=cancelled')
    expect(cancelled.data.map(({ id }) => id)).toEqual(ids)
    expect(cancelled.has_more).toBe(true)
  })

  it('goes on behind a job that has left the index since', async () => {
    await make(['local', 'local', 'local'])
    const [newest = '', ...older] = (await list('limit=3')).data.map(({ id }) => id)
    await broker.redis.zrem('sluice:jobs:acme', newest)
    const rest = await list(`limit=2&after=${newest}`)
    expect(rest.data.map(({ id }) => id)).toEqual(older)
  })
})
