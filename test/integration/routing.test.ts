import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createCatalogue } from '../../src/compose/catalogue.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routeJob } from '../../src/core/routing.ts'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import { type ChatScript, echo, hang } from '../support/chat-upstream.ts'
import { runCli } from '../support/cli-process.ts'
import { eventually } from '../support/eventually.ts'
import { gate, type RequestSketch, request, signals } from '../support/routes.ts'

const chat = (model: string, content: string, more: object = {}) => ({
  json: { model, messages: [{ role: 'user', content }], ...more },
})

interface RouteAnswer {
  readonly sensitivity: string
  readonly sensitivity_reason: string
  readonly needs: readonly string[]
  readonly prompt_tokens: number | null
  readonly rules: Readonly<Record<string, number>>
  readonly deployments: readonly Readonly<Record<string, unknown>>[]
  readonly left_out: readonly Readonly<Record<string, unknown>>[]
  readonly error: { readonly code: string; readonly message: string } | null
}

async function ask(broker: TestBroker, question: object, status = 200): Promise<RouteAnswer> {
  const headers = { authorization: `Bearer ${broker.adminKey}` }
  const answer = await broker.send('/admin/v1/route', { tenant: null, headers, json: question })
  const text = await answer.text()
  expect(answer.status, text).toBe(status)
  return JSON.parse(text) as RouteAnswer
}

const order = ({ deployments }: RouteAnswer) =>
  deployments.map(({ deployment, after }) => (after === null ? deployment : `${after}:${deployment}`))

const models: TestBrokerOptions['models'] = {
  hybrid: [
    { id: 'studio-h', pool: 'studio', capabilities: ['chat', 'streaming'], context_tokens: 1_000 },
    { id: 'cloud-h', pool: 'cloud', price: { input: 1, output: 2 } },
  ],
  spare: [{ id: 'cloud-s', pool: 'cloud' }],
  plain: [{ id: 'studio-p', pool: 'studio', capabilities: ['chat'], context_tokens: 200 }],
}
const modelKeys = {
  hybrid: {
    fallbacks: ['spare'],
    rules: [{ when: { tags: { task: 'complex' } }, prefer: { pools: ['cloud'] } }],
  },
}
const tenants = {
  acme: { keys: ['sk-test-acme-0123456789'] },
  globex: {
    keys: ['sk-test-globex-0123456789'],
    models: ['hybrid', 'spare'],
    sensitivity: { floor: 'internal', default: 'internal' } as const,
    budgets: [{ usd: 0.01, per: 'day' } as const],
  },
}
const startBroker = () => startTestBroker({ models, modelKeys, config: { tenants } })

describe('POST /admin/v1/route', () => {
  it('says who would serve, who not, and by which numbers', async () => {
    await using broker = await startBroker()
    const answer = await ask(broker, { model: 'hybrid', needs: ['tools'], prompt_tokens: 2_000, output_tokens: 100 })
    expect(answer).toMatchObject({
      object: 'route',
      sensitivity: 'internal',
      needs: ['chat', 'tools'],
      prompt_tokens: 2_000,
      rules: {},
      error: null,
    })
    expect(answer.deployments).toMatchObject([
      // 2,000 tokens at $1 and 100 at $2 per million.
      { deployment: 'cloud-h', model: 'hybrid', standing: 'ready', estimated_cost_usd: 0.0022, breaker: 'closed' },
      { deployment: 'cloud-s', model: 'spare', standing: 'ready', estimated_cost_usd: 0, context_tokens: null },
    ])
    expect(answer.left_out).toEqual([
      {
        deployment: 'studio-h',
        model: 'hybrid',
        pool: 'studio',
        residency: 'onprem',
        provider: 'openai-compatible',
        obstacle: 'capability',
        reason: 'it lacks tools',
      },
    ])
  })

  it('examines a body as an auditor does, and answers as the job then goes', async () => {
    await using broker = await startBroker()
    const body = chat('hybrid', 'echo: pay 4111 1111 1111 1111').json
    const plain = await ask(broker, { model: 'hybrid', tenant: 'acme', sensitivity: 'public', body })
    expect(plain).toMatchObject({ sensitivity: 'internal', found: { CREDIT_CARD: 1 } })
    expect(plain.sensitivity_reason).toContain('CREDIT_CARD')
    expect(order(plain)).toEqual(['studio-h', 'cloud-h', 'cloud-s'])

    const restricted = await ask(broker, { model: 'hybrid', tenant: 'acme', sensitivity: 'restricted', body })
    expect(order(restricted)).toEqual(['studio-h'])
    expect(restricted.left_out.map(({ obstacle }) => obstacle)).toEqual(['class', 'class'])

    const complex = await ask(broker, { model: 'hybrid', tenant: 'acme', tags: { task: 'complex' }, body })
    expect([order(complex), complex.rules]).toEqual([['cloud-h', 'studio-h', 'cloud-s'], { hybrid: 1 }])
    const sent = await broker.send('/v1/chat/completions', {
      ...chat('hybrid', 'hello'),
      headers: { 'x-sluice-tags': 'task=complex' },
    })
    expect([sent.status, sent.headers.get('x-sluice-deployment')]).toEqual([200, 'cloud-h'])
    const routine = await broker.send('/v1/chat/completions', chat('hybrid', 'hello'))
    expect(routine.headers.get('x-sluice-deployment')).toBe('studio-h')
  })

  it('tells of a tenant’s floor, its models, and of a budget that has no room', async () => {
    await using broker = await startBroker()
    const dear = await ask(broker, { model: 'hybrid', tenant: 'globex', sensitivity: 'public', prompt_tokens: 900_000 })
    expect(dear.sensitivity).toBe('internal')
    const [first] = dear.deployments
    expect(first?.note).toContain('the budget globex/day has $0.01 left')
    expect((await ask(broker, { model: 'plain', tenant: 'globex' })).error).toEqual({
      code: 'model_not_found',
      message: 'The tenant globex may not use this model.',
    })
    expect(await ask(broker, { model: 'nothing' }, 404)).toMatchObject({ error: { code: 'model_not_found' } })
    expect(await ask(broker, { model: 'plain', tenant: 'nobody' }, 400)).toMatchObject({ error: { param: 'tenant' } })
  })

  it('shows how fast deployments were, once they have answered', async () => {
    await using broker = await startBroker()
    expect((await broker.send('/v1/chat/completions', chat('spare', 'hello'))).status).toBe(200)
    const { speed } = await eventually('a speed', async () => {
      const { deployments } = await ask(broker, { model: 'spare' })
      return deployments[0]?.speed ? (deployments[0] as { speed: { tokens_per_second: number } }) : null
    })
    expect(speed.tokens_per_second).toBeGreaterThan(0)
  })
})

describe('a strategy', () => {
  const pair: TestBrokerOptions['models'] = {
    pair: [
      { id: 'left', pool: 'studio' },
      { id: 'right', pool: 'cloud' },
    ],
  }

  it('`fastest` finds out who is, and then goes there', async () => {
    const script: ChatScript = async (call, response) => {
      if (call.deployment === 'left') await sleep(120)
      await echo(call, response)
    }
    await using broker = await startTestBroker({
      script,
      models: pair,
      modelKeys: { pair: { strategy: 'fastest' } },
    })
    await eventually('both were measured, and the quick one goes first', async () => {
      await broker.send('/v1/chat/completions', chat('pair', 'echo: a few words to measure'))
      const { deployments } = await ask(broker, { model: 'pair', job: 'job_that_explores_nothing' })
      return deployments.every(({ speed }) => speed !== null) && deployments[0]?.deployment === 'right'
    })
  })

  it('`least-busy` sends jobs where the fewest are', async () => {
    await using broker = await startTestBroker({
      script: hang,
      models: pair,
      modelKeys: { pair: { strategy: 'least-busy' } },
    })
    for (let sent = 0; sent < 8; sent++) {
      const job = { model: 'pair', input: { endpoint: '/v1/chat/completions', body: chat('pair', 'hi').json } }
      expect((await broker.send('/v1/jobs', { json: job })).status).toBe(202)
    }
    await eventually('all are under way', () => broker.upstream.calls.length === 8)
    const onLeft = broker.upstream.calls.filter(({ deployment }) => deployment === 'left').length
    expect(onLeft).toBeGreaterThanOrEqual(3)
    expect(onLeft).toBeLessThanOrEqual(5)
  })
})

describe('a request that nobody can serve', () => {
  it('is refused with what it needs, or with OpenAI’s code for its length', async () => {
    await using broker = await startBroker()
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const needy = await broker.send('/v1/chat/completions', chat('plain', 'hello', { tools }))
    expect([needy.status, await needy.json()]).toMatchObject([
      400,
      {
        error: {
          code: 'unsupported_by_deployments',
          type: 'invalid_request_error',
          message:
            'No deployment of this model can serve this request, which needs chat, tools: studio-p: it lacks tools.',
        },
      },
    ])
    const long = await broker.send('/v1/chat/completions', chat('plain', 'one two '.repeat(300)))
    expect([long.status, await long.json()]).toMatchObject([400, { error: { code: 'context_length_exceeded' } }])
    expect(broker.upstream.calls).toEqual([])
  })
})

describe('sluice route explain', () => {
  it('prints a table, and ends with 1 where nobody would serve', async () => {
    await using broker = await startBroker()
    const env = { SLUICE_URL: broker.url, SLUICE_ADMIN_KEY: broker.adminKey }
    const file = path.join(broker.config.data_dir, 'body.json')
    await writeFile(file, JSON.stringify(chat('hybrid', 'call me').json))
    const words = ['route', 'explain', 'hybrid', '--tenant', 'acme', '--tags', 'task=complex', '--body', file]
    const run = (line: readonly string[]) => runCli(line, { cwd: tmpdir(), env })
    const [table, refused, json, wrong] = await Promise.all([
      run(words),
      run(['route', 'explain', 'spare', '--sensitivity', 'restricted']),
      run([...words.slice(0, 3), '--json', '--needs', 'tools,images']),
      run(['route', 'explain', 'hybrid', '--tags', 'x']),
    ])
    expect(table.stderr).toBe('')
    const lines = table.stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))
    expect(lines[0]).toMatch(/^hybrid: internal \(as requested or by policy of the tenant\), needs chat/)
    expect(lines[1]).toBe('rule 1 of hybrid decides there')
    expect(lines[3]).toBe('# | DEPLOYMENT | MODEL | POOL | STANDS | COST | FIRST | TOKENS/S | LOAD | NOTE')
    expect(lines.slice(4, 7).map((line) => line.split(' | ').slice(0, 5))).toEqual([
      ['1', 'cloud-h', 'hybrid', 'cloud', 'ready'],
      ['2', 'studio-h', 'hybrid', 'studio', 'ready'],
      ['3', 'cloud-s', 'spare', 'cloud', 'ready'],
    ])
    expect(table.exitCode).toBe(0)
    expect(refused.stdout).toContain('cloud is a cloud pool, the job is restricted')
    expect(refused.stdout).toContain('refused: No deployment of this model may see a restricted job')
    expect(refused.exitCode).toBe(1)
    expect(order(JSON.parse(json.stdout) as RouteAnswer)).toEqual(['cloud-h', 'cloud-s'])
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, 'error: --tags expects pairs: a=b,c=d\n'])
  }, 60_000)
})

describe('docs/routing.md', () => {
  it('has an example that loads without a warning and does what it says', async () => {
    const page = await readFile(path.resolve(import.meta.dirname, '../../docs/routing.md'), 'utf8')
    const yaml = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
    const example = yaml.find((block) => block.startsWith('pools:')) ?? ''
    await using folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-routing-'))
    const file = path.join(folder.path, 'sluice.yaml')
    await writeFile(file, example)
    const env = { OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2', ACME_API_KEY: 'sk-acme-0123456789' }
    const { config, warnings } = await loadConfig({ file, env })
    expect(warnings).toEqual([])

    const catalogue = createCatalogue(config)
    const route = (sketch: RequestSketch, known: Parameters<typeof signals>[0] = {}) =>
      routeJob(request({ model: 'assistant', sensitivity: 'internal', ...sketch }), catalogue, signals(known))
        .candidates.map(({ deployment }) => deployment.id)
        .join(' ')
    const full = gate({ closed: { reason: 'parallel', opensAtMs: null } })
    expect(route({})).toBe('llama gpt claude')
    expect(route({}, { llama: { gate: full } })).toBe('gpt claude llama')
    expect(route({ tags: { task: 'complex' } })).toBe('gpt claude llama')
    expect(route({ needs: ['chat', 'tools'] })).toBe('claude gpt llama')
    expect(route({ promptTokens: 12_000 })).toBe('gpt claude llama')
    expect(route({ promptTokens: 17_000 })).toBe('gpt claude')
    expect(route({ priority: 'batch' }, { llama: { readyNodes: 0 } })).toBe('llama')
    expect(route({ sensitivity: 'restricted', tags: { task: 'complex' } })).toBe('llama')
  })
})
