import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import { keys } from '../../src/store/keys.ts'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import type { ChatCall } from '../support/chat-upstream.ts'
import { completion } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'

/** Interactive jobs in a process with all roles: they begin in the step that stores them, without a way through a lane. */

let broker: TestBroker
afterEach(() => broker[Symbol.asyncDispose]())

/** An upstream whose calls are answered when the test says so. */
class Answers {
  readonly #open = new Map<string, ServerResponse>()
  readonly closed = new Set<string>()

  readonly script = ({ prompt }: ChatCall, response: ServerResponse): void => {
    this.#open.set(prompt, response)
    response.on('close', () => this.closed.add(prompt))
  }

  async give(prompt: string): Promise<void> {
    const response = await eventually(`the upstream is asked for ${prompt}`, () => this.#open.get(prompt))
    response.writeHead(200, { 'content-type': 'application/json' }).end(completion(`re ${prompt}`))
  }

  has(prompt: string): boolean {
    return this.#open.has(prompt)
  }
}

async function start(options: TestBrokerOptions = {}): Promise<Answers> {
  const answers = new Answers()
  broker = await startTestBroker({ shared: true, script: answers.script, ...options })
  return answers
}

async function chat(prompt: string): Promise<string> {
  const json = { model: 'local', messages: [{ role: 'user', content: prompt }] }
  const { choices } = (await (await broker.send('/v1/chat/completions', { json })).json()) as {
    choices: { message: { content: string } }[]
  }
  return choices[0]?.message.content ?? ''
}

function stageOf(id: string): Promise<string | null> {
  return broker.redis.hget(`sluice:job:${id}`, 'stage')
}

/** Everything that BullMQ holds of jobs. */
async function entries(): Promise<string[]> {
  const names = await broker.redis.keys('sluice:queue:*')
  return names.filter((name) => /:(wait|active|delayed)$|:job_/.test(name))
}

const models = (deployment: object) => ({ local: [{ id: 'studio-a', pool: 'studio' as const, ...deployment }] })

describe('a job that finds room', () => {
  it('is running as soon as it is there, with no entry in any queue, and is looked after until it ends', async () => {
    const answers = await start()
    const answered = chat('quick')
    await eventually('the upstream is asked', () => answers.has('quick'))
    const [id = '', untilMs] = await broker.redis.zrange(keys.untaken, '0', '-1', 'WITHSCORES')
    expect(await stageOf(id)).toBe('running')
    expect(await entries()).toEqual([])
    expect(Number(untilMs)).toBeGreaterThan(Date.now())
    await eventually('its lease is renewed', async () => {
      return Number(await broker.redis.zscore(keys.untaken, id)) > Number(untilMs)
    })
    await answers.give('quick')
    expect(await answered).toBe('re quick')
    expect(await broker.redis.zcard(keys.untaken)).toBe(0)
    expect(await stageOf(id)).toBe('completed')
  })

  it('is stopped when it is cancelled', async () => {
    const answers = await start()
    const body = { messages: [{ role: 'user', content: 'never mind' }] }
    const json = { model: 'local', priority: 'interactive', input: { endpoint: '/v1/chat/completions', body } }
    const { id } = (await (await broker.send('/v1/jobs', { json })).json()) as { id: string }
    await eventually('the upstream is asked', () => answers.has('never mind'))
    expect(await entries()).toEqual([])
    expect((await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })).status).toBe(200)
    await eventually('the call is broken off', () => answers.closed.has('never mind'))
    expect(await broker.redis.zcard(keys.untaken)).toBe(0)
  })

  it('is left without complaint when it is another attempt’s before that is known here', async () => {
    const answers = await start()
    const json = { model: 'local', messages: [{ role: 'user', content: 'taken' }] }
    const chatting = new AbortController()
    const chats = broker.send('/v1/chat/completions', { json, signal: chatting.signal }).catch(() => null)
    await eventually('the upstream is asked', () => answers.has('taken'))
    const [id = ''] = await broker.redis.zrange(keys.untaken, '0', '-1')
    await broker.redis.hincrby(keys.job(id as JobId), 'fence', 1)
    await answers.give('taken')
    await eventually('its answer is dropped', () => broker.logText().includes('direct work was for nothing'))
    expect(broker.logText()).not.toContain('direct work failed')
    chatting.abort()
    await chats
  })

  it('is tried again by way of its lane when its upstream fails', async () => {
    let calls = 0
    await start({
      script: (_call, response) => {
        calls += 1
        if (calls === 1) return void response.writeHead(500).end('{}')
        response.writeHead(200, { 'content-type': 'application/json' }).end(completion('at last'))
      },
    })
    expect(await chat('again')).toBe('at last')
    expect(calls).toBe(2)
    expect(await broker.redis.zcard(keys.untaken)).toBe(0)
  })
})

describe('a job that finds no room', () => {
  it('waits in its lane, and goes before those that come later', async () => {
    const answers = await start({ models: models({ concurrency: 1 }) })
    const first = chat('first')
    await eventually('the upstream is asked', () => answers.has('first'))
    const second = chat('second')
    await eventually('the second has an entry', async () => (await entries()).length > 0)
    const third = chat('third')
    await eventually('the third is there', async () => (await broker.redis.zcard(keys.open)) === 3)
    await answers.give('first')
    await eventually('the upstream is asked', () => answers.has('second'))
    expect(answers.has('third')).toBe(false)
    await answers.give('second')
    await answers.give('third')
    expect(await Promise.all([first, second, third])).toEqual(['re first', 're second', 're third'])
  })

  it('is parked where there is a slot but the gate is shut, and woken when it opens', async () => {
    const answers = await start({ models: models({ concurrency: 4, max_parallel: 1 }) })
    const first = chat('first')
    await eventually('the upstream is asked', () => answers.has('first'))
    const second = chat('second')
    await eventually('the second is parked', () => broker.redis.exists(keys.backlog('studio-a')))
    expect(answers.has('second')).toBe(false)
    await answers.give('first')
    await answers.give('second')
    expect(await Promise.all([first, second])).toEqual(['re first', 're second'])
  })
})
