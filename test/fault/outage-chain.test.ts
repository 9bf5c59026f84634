import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Script, type ScriptedUpstream, startUpstream } from '../contract/scripted-upstream.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { completion } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'

/** Sixty times as fast as life: what is five minutes there is five seconds here, breaker and backoffs included. */
const outageMs = 5_000
const calmMs = 1_500
/** The longest that a breaker stays open: two minutes, sixty times as fast. */
const maxOpenMs = 2_000
/** Choosing looks at a snapshot of the gates that may be a second old, at any speed. */
const snapshotMs = 1_000
const jobsPerSecond = 40

type State = 'up' | 'down'
interface Call {
  readonly atMs: number
  readonly isServed: boolean
}

/** An upstream that is up or down, and down in its own way. */
interface Link extends AsyncDisposable {
  readonly url: string
  state: State
  readonly calls: Call[]
}

/**
 * What is promised: the chain OpenAI → Anthropic → local survives an outage of the first two for five minutes under load
 * without a failed job, and comes back within one half-open period.
 */
describe('an outage of the first two of three upstreams', () => {
  it('fails no job, wastes few calls, and is over within one half-open period', async () => {
    await using openai = await startLink(openAiAnswer, [resetConnection, status(503), status(500)])
    await using anthropic = await startLink(anthropicAnswer, [status(529), resetConnection])
    await using local = await startLink(openAiAnswer, [])
    await using broker = await startTestBroker({ config: configFor({ openai, anthropic, local }) })

    const load = startLoad(broker)
    await sleep(calmMs)
    expect(openai.calls.length).toBeGreaterThan(0)
    expect(anthropic.calls).toEqual([])
    openai.state = anthropic.state = 'down'
    const downAtMs = Date.now()
    await sleep(outageMs)
    openai.state = anthropic.state = 'up'
    const upAtMs = Date.now()
    const isBack = ({ atMs, isServed }: Call) => atMs >= upAtMs && isServed
    const back = await eventually('OpenAI serves again', () => openai.calls.find(isBack))
    await sleep(calmMs)
    const outcomes = await load.stop()

    const inOutage = ({ atMs }: Call) => atMs >= downAtMs && atMs < upAtMs
    const wasted = [openai, anthropic].map(
      ({ calls }) => calls.filter((call) => inOutage(call) && !call.isServed).length,
    )
    const all = [openai, anthropic, local].reduce((sum, { calls }) => sum + calls.filter(inOutage).length, 0)
    const dead = wasted.reduce((sum, calls) => sum + calls, 0)
    const last = openai.calls.slice(-jobsPerSecond / 2)
    console.log(
      [
        `${outcomes.length} jobs, ${outcomes.filter((code) => code !== 'completed').length} failed`,
        `outage of ${outageMs} ms (5 min in life) with ${all} calls, of which ${dead} were wasted on dead upstreams: ` +
          `${((100 * dead) / all).toFixed(1)} % (OpenAI ${wasted[0]}, Anthropic ${wasted[1]})`,
        `OpenAI served again ${back.atMs - upAtMs} ms after it was back (a breaker is open for ${maxOpenMs} ms at most)`,
      ].join('; '),
    )
    expect(outcomes.filter((code) => code !== 'completed')).toEqual([])
    expect(outcomes.length).toBeGreaterThan(((outageMs + 2 * calmMs) / 1000) * jobsPerSecond * 0.5)
    expect(local.calls.length).toBeGreaterThan(0)
    expect(back.atMs - upAtMs).toBeLessThanOrEqual(maxOpenMs + snapshotMs)
    // Once it is back, the first of the chain has the work again.
    expect(last.every(({ isServed }) => isServed)).toBe(true)
    // A breaker leaves a probe now and then, and what came before it opened.
    expect(dead / all).toBeLessThan(0.2)
  }, 60_000)
})

function configFor({ openai, anthropic, local }: { openai: Link; anthropic: Link; local: Link }) {
  const timeouts = { connect: '1s', first_byte: '2s', idle: '2s', total: '10s' }
  const shared = { model: 'upstream-model', timeouts, free: true, per_node: false, api_key: 'sk-upstream' }
  return {
    models: {
      chain: {
        deployments: [
          { ...shared, id: 'openai', pool: 'cloud', provider: 'openai' as const, base_url: openai.url },
          { ...shared, id: 'anthropic', pool: 'cloud', provider: 'anthropic' as const, base_url: anthropic.url },
          { ...shared, id: 'local', pool: 'studio', provider: 'openai-compatible' as const, base_url: local.url },
        ],
      },
    },
    tenants: { acme: { keys: [keyOf('acme')] } },
    retry: { max_attempts: 6, base_delay: '10ms', max_delay: '500ms' },
    breaker: { failures: 5, window: '1s', open: '170ms', max_open: `${maxOpenMs}ms` },
  }
}

/** Half of the jobs are chats that wait, half are jobs of their own; they come whether others are done or not. */
function startLoad(broker: TestBroker): { stop(): Promise<string[]> } {
  const asked: Promise<string>[] = []
  const timer = setInterval(() => {
    const ask = asked.length % 2 === 0 ? askChat : askJob
    asked.push(ask(broker).catch((error: unknown) => String(error)))
  }, 1_000 / jobsPerSecond)
  return {
    stop() {
      clearInterval(timer)
      return Promise.all(asked)
    },
  }
}

const body = { max_tokens: 20, messages: [{ role: 'user', content: 'ping' }] }

async function askChat(broker: TestBroker): Promise<string> {
  const response = await broker.send('/v1/chat/completions', { json: { model: 'chain', ...body } })
  const answer = (await response.json()) as { error?: { message: string } }
  return answer.error ? answer.error.message : 'completed'
}

async function askJob(broker: TestBroker): Promise<string> {
  const json = { model: 'chain', input: { endpoint: '/v1/chat/completions', body } }
  const { id } = (await (await broker.send('/v1/jobs', { json })).json()) as { id: string }
  const ended = await broker.send(`/v1/jobs/${id}?wait=60`)
  const job = (await ended.json()) as { status: string; error: { message: string } | null }
  return job.error ? job.error.message : job.status
}

async function startLink(answer: Script, failures: readonly Script[]): Promise<Link> {
  const calls: Call[] = []
  const server: ScriptedUpstream = await startUpstream((response, request) => {
    const isServed = link.state === 'up'
    // A node may ask what models there are; that is no call.
    if (request.body !== '') calls.push({ atMs: Date.now(), isServed })
    const fail = failures[calls.length % failures.length]
    return isServed || !fail ? answer(response, request) : fail(response, request)
  })
  const link: Link = {
    url: `${server.url}/v1`,
    state: 'up',
    calls,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
  return link
}

const json = { 'content-type': 'application/json' }

function openAiAnswer(...[response]: Parameters<Script>): void {
  response.writeHead(200, json).end(completion('pong'))
}

function anthropicAnswer(...[response]: Parameters<Script>): void {
  response.writeHead(200, json).end(
    JSON.stringify({
      id: 'msg_test',
      type: 'message',
      role: 'assistant',
      model: 'upstream-model',
      content: [{ type: 'text', text: 'pong' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 7, output_tokens: 5 },
    }),
  )
}

function status(code: number): Script {
  return (response) => {
    response.writeHead(code, json).end('{"type":"error","error":{"type":"test","message":"down"}}')
  }
}

const resetConnection: Script = (response) => {
  response.socket?.resetAndDestroy()
}
