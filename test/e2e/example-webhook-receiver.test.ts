import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type ExampleProcess, runExample, startExample } from '../support/example-process.ts'
import { countSeverities } from '../support/grep-severities.ts'
import { type SluiceUp, startSluiceUp } from '../support/sluice-up.ts'

const command = 'node examples/webhook-receiver.ts'
const log = 'examples/logs/redis.log'

let sluice: SluiceUp
let folder: Awaited<ReturnType<typeof mkdtempDisposable>>
let state: string
beforeAll(async () => {
  sluice = await startSluiceUp()
})
beforeEach(async () => {
  for (const { id } of await listEndpoints()) await call(`/v1/webhooks/endpoints/${id}`, 'DELETE')
  folder = await mkdtempDisposable(path.join(tmpdir(), 'sluice-receiver-'))
  state = path.join(folder.path, 'state.db')
  return () => folder[Symbol.asyncDispose]()
})
afterAll(() => sluice[Symbol.asyncDispose]())

async function call<Answer>(url: string, method = 'GET', body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${sluice.apiKey}`, ...(body && { 'content-type': 'application/json' }) }
  const answer = await fetch(`${sluice.url}${url}`, { method, headers, body: body ? JSON.stringify(body) : null })
  expect(answer.ok, `${method} ${url}: ${answer.status}`).toBe(true)
  return answer.json() as Promise<Answer>
}

const listEndpoints = async () =>
  (await call<{ data: { id: string; url: string; events: string[] }[] }>('/v1/webhooks/endpoints')).data

interface Receiver extends AsyncDisposable {
  readonly process: ExampleProcess
  readonly url: string
}

/** The example on a free port, once it listens. */
async function startReceiver(words = ''): Promise<Receiver> {
  const process = startExample(`${command} ${words}`, sluice, { STATE: state, PORT: '0' })
  await process.written(/^listening: /m)
  const url = /^listening: (\S+)/m.exec(process.output.stderr)?.[1] ?? ''
  return { process, url, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() }
}

function openState<Result>(use: (database: DatabaseSync) => Result): Result {
  using database = new DatabaseSync(state, { timeout: 5_000 })
  return use(database)
}

const readEndpoint = () =>
  openState((database) => database.prepare('SELECT id, secret FROM endpoint').get() as { id: string; secret: string })

const submit = (text: string) =>
  call<{ id: string }>('/v1/jobs', 'POST', {
    model: 'sandbox',
    input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: `echo: ${text}` }] } },
  })

const timesIn = (text: string, part: string) => text.split(part).length - 1

interface Delivery {
  readonly id: string
  readonly status: string
  readonly webhook_id: string
  readonly attempts: { readonly outcome: string; readonly status: number | null }[]
}

/** The delivery about this job, once it looks as wanted. */
function deliveryOf(job: string, isAsWanted: (delivery: Delivery) => boolean): Promise<Delivery> {
  const { id } = readEndpoint()
  return eventually(`a delivery of ${job}`, async () => {
    const { data } = await call<{ data: Delivery[] }>(`/v1/webhooks/endpoints/${id}/deliveries`)
    return data.find((delivery) => delivery.webhook_id.includes(job.slice(4)) && isAsWanted(delivery))
  })
}

describe('examples/webhook-receiver.ts', { timeout: 60_000 }, () => {
  it('prints the summary of the log that it handed in', async () => {
    await using receiver = await startReceiver(log)
    await receiver.process.written(/^## job\.completed job_[0-9a-f]{32} redis\.log\n[\s\S]*Anomalies/m)
    const { warn } = await countSeverities(log)
    expect(warn).toBeGreaterThan(0)
    expect(receiver.process.output.stdout).toContain(`- Lines by severity: warn ${warn}, `)
    expect(receiver.process.output.stdout).toContain('Redis is starting')
    expect(await listEndpoints()).toMatchObject([{ url: receiver.url, events: ['job.*'] }])
  })

  it('refuses what is forged, stale or unsigned, and keeps nothing of it', async () => {
    await using receiver = await startReceiver()
    const body = JSON.stringify({ type: 'job.completed', data: { id: 'job_0', metadata: {}, error: null } })
    const post = (headers: Record<string, string>, text = body) =>
      fetch(receiver.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text })
    const signed = (secret: string, date: Date) => ({
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(date.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('evt_1', date, body),
    })
    const { secret } = readEndpoint()
    const now = new Date()
    const tenMinutesAgo = new Date(now.getTime() - 600_000)
    const answers = [
      await post(signed(`whsec_${Buffer.alloc(32, 1).toString('base64')}`, now)),
      await post(signed(secret, now), body.replace('completed', 'failed')),
      await post({ ...signed(secret, now), 'webhook-id': 'evt_2' }),
      await post(signed(secret, tenMinutesAgo)),
      await post({}),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400])
    expect(openState((database) => database.prepare('SELECT * FROM inbox').all())).toEqual([])
    expect((await post(signed(secret, now))).status).toBe(204)
  })

  it('handles an event once, however often it comes, also after a crash', async () => {
    await using first = await startReceiver()
    const job = await submit('only once')
    await first.process.written(/only once/)
    const { id } = await deliveryOf(job.id, ({ status }) => status === 'delivered')
    await call(`/v1/webhooks/deliveries/${id}/resend`, 'POST')
    await first.process.written(/came again/)
    await first.process.kill()

    await using second = await startReceiver()
    await call(`/v1/webhooks/deliveries/${id}/resend`, 'POST')
    await second.process.written(/came again/)
    // What comes after it has been handled, and it has not.
    await submit('the next one')
    await second.process.written(/the next one/)
    expect(timesIn(first.process.output.stdout + second.process.output.stdout, 'only once')).toBe(1)
    expect(await listEndpoints()).toHaveLength(1)
  })

  it('gets what came while it was dead from Sluice, and handles what it had taken before it died', async () => {
    await using first = await startReceiver()
    await first.process.kill()
    const job = await submit('while it was dead')
    await deliveryOf(job.id, ({ attempts }) => attempts.some(({ outcome }) => outcome === 'failed'))
    // As a crash between the answer to Sluice and the work leaves it.
    const taken = await submit('taken before')
    await call(`/v1/jobs/${taken.id}?wait=30`)
    const body = JSON.stringify({ type: 'job.completed', data: { id: taken.id, metadata: {}, error: null } })
    openState((database) =>
      database
        .prepare('INSERT INTO inbox (webhook_id, body) VALUES (?, ?)')
        .run(`evt_${taken.id.slice(4)}_completed`, body),
    )

    await using second = await startReceiver()
    await second.process.written(/while it was dead/)
    await second.process.written(/taken before/)
    await deliveryOf(job.id, ({ status }) => status === 'delivered')
    await deliveryOf(taken.id, ({ status }) => status === 'delivered')
    expect(timesIn(second.process.output.stdout, 'while it was dead')).toBe(1)
    expect(timesIn(second.process.output.stdout, 'taken before')).toBe(1)
  })

  it('understands full events without asking for their job', async () => {
    await using receiver = await startReceiver()
    const { secret } = readEndpoint()
    const data = { id: 'job_gone', metadata: {}, error: null, result: { choices: [{ message: { content: 'in it' } }] } }
    const body = JSON.stringify({ type: 'job.completed', data })
    const now = new Date()
    const answer = await fetch(receiver.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': 'evt_full',
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('evt_full', now, body),
      },
      body,
    })
    expect(answer.status).toBe(204)
    await receiver.process.written(/## job\.completed job_gone \n\nin it\n/)

    await call(`/v1/webhooks/endpoints/${readEndpoint().id}`, 'PATCH', { payload: 'full' })
    await submit('from Sluice')
    await receiver.process.written(/from Sluice/)
  })

  it('goes on while its secret is rotated, by others and by itself', async () => {
    await using first = await startReceiver()
    const { id, secret } = readEndpoint()
    await call(`/v1/webhooks/endpoints/${id}/rotate-secret`, 'POST')
    await submit('by the old secret')
    await first.process.written(/by the old secret/)
    await first.process.kill()

    await using second = await startReceiver('--rotate-secret')
    expect(readEndpoint().id).toBe(id)
    expect(readEndpoint().secret).not.toBe(secret)
    await submit('by the new secret')
    await second.process.written(/by the new secret/)
    expect(first.process.output.stderr + second.process.output.stderr).not.toContain('refused')
  })

  it('says in one line why it cannot start', async () => {
    const env = { STATE: state, PORT: '0' }
    const wrongKey = await runExample(command, { ...sluice, apiKey: 'sk-wrong' }, env)
    expect(wrongKey).toEqual({ exitCode: 1, stdout: '', stderr: '401 The API key is not known here.\n' })
    const noKey = await runExample(command, { ...sluice, apiKey: '' }, env)
    expect(noKey).toEqual({ exitCode: 1, stdout: '', stderr: 'SLUICE_API_KEY is not set\n' })
  })
})
