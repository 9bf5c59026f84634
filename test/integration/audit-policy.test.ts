import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatCall, echo } from '../support/chat-upstream.ts'

/** What a tenant's rules make of a job, from what its caller sends to what an upstream gets and the caller gets back. */
let broker: TestBroker
const chatPath = '/v1/chat/completions'
const email = 'ada.lovelace@example.com'
const phone = '+49 30 901820'
const otherPhone = '+44 20 7946 0958'
const ip = '203.0.113.9'
const iban = 'DE89 3704 0044 0532 0130 00'
const ssn = 'SSN 536-22-8145'
const mrn = 'Patient MRN: 84736251'
const mac = '00:1B:44:11:3A:B7'
const clinical = `Mail ${email}: the patient was admitted to the hospital with pneumonia; diagnosis confirmed, treatment started.`
const picture = `data:image/png;base64,${Buffer.from([137, 80, 78, 71, 1, 2, 3, 255, 0]).toString('base64')}`

interface Job {
  readonly id: string
  readonly status: string
  readonly sensitivity: string
  readonly sensitivity_reason: string | null
  readonly masked: Readonly<Record<string, number>>
  readonly error: { code: string; message: string } | null
  readonly result: { choices: { message: { content: string } }[] } | null
}

interface Run {
  readonly job: Job
  readonly calls: readonly ChatCall[]
  /** What the caller got back. */
  readonly answer: string | undefined
}

/** Runs `content` as a job of a tenant; the upstream says it back. */
async function run(
  tenant: string,
  content: unknown,
  { model = 'cloud', sensitivity, more }: { model?: string; sensitivity?: string; more?: object } = {},
): Promise<Run> {
  const before = broker.upstream.calls.length
  const said = typeof content === 'string' ? `echo: ${content}` : content
  const body = { messages: [{ role: 'user', content: said }], ...more }
  const json = { model, input: { endpoint: chatPath, body }, sensitivity }
  const made = await broker.send('/v1/jobs', { json, tenant })
  expect(made.status).toBe(202)
  const { id } = (await made.json()) as { id: string }
  const job = (await (await broker.send(`/v1/jobs/${id}?wait=30`, { tenant })).json()) as Job
  return { job, calls: broker.upstream.calls.slice(before), answer: job.result?.choices[0]?.message.content }
}

/** What the one upstream that was called read. */
function seenBy({ calls }: Run): string {
  expect(calls).toHaveLength(1)
  return calls[0]?.prompt.replace(/^echo: /, '') ?? ''
}

const rules = {
  plain: {},
  operators: { entities: { EMAIL: 'redact', PHONE: 'hash', IP: 'keep', IBAN: 'block' } },
  hashing: { entities: { PHONE: 'hash' } },
  overriding: { entities: { MAC: 'mask' } },
  restricting: { restrict: ['SSN'] },
  clinic: { on_phi: 'restricted' },
  frugal: { profile: 'minimal' },
  'frugal-clinic': { profile: 'minimal', on_phi: 'restricted' },
  contradictory: { restrict: ['SSN'], entities: { SSN: 'keep' } },
  thorough: { profile: 'strict', entities: { MAC: 'keep' } },
  'own-words': {
    patterns: [
      { entity: 'CASE_NUMBER', pattern: '\\bACME-[0-9]{4}\\b' },
      { pattern: '\\b[A-Z]{3}[0-9]{3}\\b', context: ['locker'] },
    ],
    deny: [{ words: ['Project Nightjar'] }],
    allow: [email],
  },
  'no-media': { media: 'block' },
  'any-media': { media: 'pass' },
} as const

describe.each([
  { processes: 'processes of their own', shared: false },
  { processes: 'one process', shared: true },
])('with its roles in $processes,', ({ shared }) => {
  beforeAll(async () => {
    const tenants = Object.entries(rules).map(([name, auditor]) => [name, { keys: [keyOf(name)], auditor }])
    broker = await startTestBroker({
      shared,
      config: {
        auditor: { entities: { MAC: 'redact' }, deny: [{ entity: 'ORG', words: ['Globex Secret Lab'] }] },
        tenants: Object.fromEntries(tenants),
      },
    })
  })
  afterEach(() => {
    broker.upstream.script = echo
  })
  afterAll(() => broker[Symbol.asyncDispose]())

  describe('an operator', () => {
    it('`mask` is what becomes of a finding that nobody names, and is undone for the caller', async () => {
      const ran = await run('plain', `mail ${email} twice: ${email}`)
      expect(seenBy(ran)).toBe('mail <EMAIL_1> twice: <EMAIL_1>')
      expect(ran.answer).toBe(`mail ${email} twice: ${email}`)
      expect(ran.job).toMatchObject({ sensitivity: 'internal', masked: { EMAIL: 2 } })
    })

    it('`redact` is undone for nobody', async () => {
      const ran = await run('operators', `mail ${email} now`)
      expect(seenBy(ran)).toBe('mail <EMAIL> now')
      expect(ran.answer).toBe('mail <EMAIL> now')
      expect(ran.job.masked).toEqual({ EMAIL: 1 })
    })

    it('`hash` is the same word for a value in all jobs of a tenant, and another one for other values and tenants', async () => {
      const first = seenBy(await run('operators', `ring ${phone} today`))
      expect(first).toMatch(/^ring <PHONE_h[0-9a-z]{10,}> today$/)
      expect(seenBy(await run('operators', `ring ${phone} today`))).toBe(first)
      expect(seenBy(await run('operators', `ring ${otherPhone} today`))).not.toBe(first)
      const elsewhere = await run('hashing', `ring ${phone} today`)
      expect(seenBy(elsewhere)).toMatch(/^ring <PHONE_h[0-9a-z]{10,}> today$/)
      expect(seenBy(elsewhere)).not.toBe(first)
      expect(elsewhere.answer).toBe(seenBy(elsewhere))
    })

    it('`keep` leaves a value and does not count it', async () => {
      const ran = await run('operators', `ping ${ip} now`)
      expect(seenBy(ran)).toBe(`ping ${ip} now`)
      expect(ran.job).toMatchObject({ sensitivity: 'internal', masked: {} })
      const open = await run('operators', `ping ${ip} now`, { sensitivity: 'public' })
      expect(open.job).toMatchObject({ sensitivity: 'public' })
    })

    it('`block` rejects the job with the entity’s name, and without its value', async () => {
      const { job, calls } = await run('operators', `pay ${iban} at once`, { model: 'both' })
      expect(job).toMatchObject({ status: 'rejected', error: { code: 'content_blocked' }, result: null })
      expect(job.error?.message).toContain('IBAN')
      expect(JSON.stringify(job)).not.toContain('3704')
      expect(calls).toEqual([])
    })

    it('`block` answers a chat with 403, streamed or not, and neither tries again', async () => {
      for (const stream of [false, true]) {
        const messages = [{ role: 'user', content: `pay ${iban} at once` }]
        const response = await broker.send(chatPath, {
          tenant: 'operators',
          json: { model: 'local', messages, stream },
        })
        // A stream has begun with 200 by then, unless the process that answers has audited it.
        const hasBegun = stream && response.status === 200
        const text = hasBegun ? await response.text() : await expectApiError(response, blocked)
        expect(text).toContain('IBAN')
        expect(text).not.toContain('3704')
        if (hasBegun) expect(text).toMatch(/"code":"content_blocked"[\s\S]*data: \[DONE\]/)
        expect(hasBegun).toBe(stream && !shared)
      }
    })
    const blocked = { status: 403, code: 'content_blocked' }
  })

  describe('rules of a tenant', () => {
    it('go before those of all tenants, entity by entity', async () => {
      expect(seenBy(await run('plain', `host ${mac} is up`))).toBe('host <MAC> is up')
      const own = await run('overriding', `host ${mac} is up`)
      expect(seenBy(own)).toBe('host <MAC_1> is up')
      expect(own.answer).toBe(`host ${mac} is up`)
    })

    it('choose a profile, and what is named is looked for whatever the profile says', async () => {
      expect(seenBy(await run('frugal', `ping ${ip} as ${email}`))).toBe(`ping ${ip} as <EMAIL_1>`)
      expect(seenBy(await run('frugal', `host ${mac} is up`))).toBe('host <MAC> is up')
      expect(seenBy(await run('thorough', `host ${mac} and ${ip} are up`))).toBe(`host ${mac} and <IP_1> are up`)
    })

    it('add patterns and words to look for, and values that never count', async () => {
      const text = `case ACME-1234 of project nightjar: ask ${email}, locker ABC123`
      const own = await run('own-words', text)
      expect(seenBy(own)).toBe(`case <CASE_NUMBER_1> of <CUSTOM_1>: ask ${email}, locker <CUSTOM_2>`)
      expect(own.answer).toBe(text)
      expect(seenBy(await run('plain', 'case ACME-1234 of project nightjar'))).not.toContain('CUSTOM')
      expect(seenBy(await run('own-words', 'version ABC123 is out'))).toBe('version ABC123 is out')
    })

    it('add to the lists of all tenants', async () => {
      for (const tenant of ['own-words', 'plain']) {
        expect(seenBy(await run(tenant, 'built at Globex Secret Lab in May'))).toBe('built at <ORG_1> in May')
      }
    })
  })

  describe('a class', () => {
    it('is restricted by an entity that the tenant restricts: as written, on its own machines only', async () => {
      const ran = await run('restricting', `my ${ssn} is`, { model: 'both' })
      expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'restricted', masked: {} })
      expect(ran.job.sensitivity_reason).toMatch(/^raised from internal: .*SSN/)
      expect(ran.calls.map(({ deployment }) => deployment)).toEqual(['studio-b'])
      expect(seenBy(ran)).toBe(`my ${ssn} is`)
      const refused = await run('restricting', `my ${ssn} is`, { model: 'cloud' })
      expect(refused.job).toMatchObject({ status: 'rejected', error: { code: 'no_eligible_deployment' } })
      expect(refused.calls).toEqual([])
      expect((await run('plain', `my ${ssn} is`)).job).toMatchObject({ status: 'completed', sensitivity: 'internal' })
    })

    it('answers a chat with 403 where only a cloud could serve it', async () => {
      const messages = [{ role: 'user', content: `my ${ssn} is` }]
      const response = await broker.send(chatPath, { tenant: 'restricting', json: { model: 'cloud', messages } })
      const message = await expectApiError(response, { status: 403, code: 'no_eligible_deployment' })
      expect(message).toContain('SSN')
      expect(message).not.toContain('536-22')
    })

    it.each([
      ['a medical record number', mrn],
      ['a clinical text about somebody', clinical],
    ])('is restricted by %s where `on_phi` says so', async (_what, text) => {
      const ran = await run('clinic', text, { model: 'both', sensitivity: 'public' })
      expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'restricted' })
      expect(ran.job.sensitivity_reason).toContain('health data')
      expect(ran.calls.map(({ deployment }) => deployment)).toEqual(['studio-b'])
      const elsewhere = await run('plain', text, { model: 'both' })
      expect(elsewhere.job).toMatchObject({ sensitivity: 'internal' })
      expect(elsewhere.calls.map(({ deployment }) => deployment)).toEqual(['cloud-b'])
    })

    it('is decided by what is restricted even where that would be kept, or the profile does not look for it', async () => {
      for (const [tenant, text] of [
        ['contradictory', `my ${ssn} is`],
        ['frugal-clinic', mrn],
      ] as const) {
        const ran = await run(tenant, text, { model: 'both' })
        expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'restricted' })
        expect(ran.calls.map(({ deployment }) => deployment)).toEqual(['studio-b'])
      }
    })

    it.each([
      ['an ordinary text with personal data', `mail ${email} that the process is healthy again`],
      ['a clinical text about nobody', clinical.slice(clinical.indexOf('the patient'))],
    ])('stays what it was for %s', async (_what, text) => {
      const ran = await run('clinic', text, { model: 'both' })
      expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'internal' })
      expect(ran.calls.map(({ deployment }) => deployment)).toEqual(['cloud-b'])
    })
  })

  describe('a picture', () => {
    const looking = [
      { type: 'text', text: 'what is this?' },
      { type: 'image_url', image_url: { url: picture } },
    ]

    it('makes an internal job restricted unless the tenant says otherwise', async () => {
      const ran = await run('plain', looking, { model: 'both' })
      expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'restricted' })
      expect(ran.job.sensitivity_reason).toMatch(/pictures/)
      expect(ran.calls.map(({ deployment }) => deployment)).toEqual(['studio-b'])
      expect(ran.calls[0]?.request.body).toContain(picture)
      expect((await run('plain', looking, { model: 'cloud' })).job.error?.code).toBe('no_eligible_deployment')
    })

    it('passes in a public job without findings, and not in one with some', async () => {
      const open = await run('plain', looking, { sensitivity: 'public' })
      expect(open.job).toMatchObject({ status: 'completed', sensitivity: 'public' })
      expect(open.calls[0]?.request.body).toContain(picture)
      const found = [{ type: 'text', text: `is this ${email}?` }, looking[1]]
      const raised = await run('plain', found, { sensitivity: 'public', model: 'both' })
      expect(raised.job).toMatchObject({ sensitivity: 'restricted' })
      expect(raised.calls.map(({ deployment }) => deployment)).toEqual(['studio-b'])
    })

    it('is not let in where the tenant blocks it, on its own machines neither', async () => {
      for (const sensitivity of ['internal', 'restricted']) {
        const ran = await run('no-media', looking, { model: 'both', sensitivity })
        expect(ran.job).toMatchObject({ status: 'rejected', error: { code: 'content_blocked' } })
        expect(ran.calls).toEqual([])
      }
      const open = await run('no-media', looking, { sensitivity: 'public' })
      expect(open.job).toMatchObject({ status: 'completed' })
    })

    it('passes where the tenant says so, with the text beside it masked', async () => {
      const found = [{ type: 'text', text: `is this ${email}?` }, looking[1]]
      const ran = await run('any-media', found)
      expect(ran.job).toMatchObject({ status: 'completed', sensitivity: 'internal', masked: { EMAIL: 1 } })
      const { body } = ran.calls[0]?.request ?? { body: '' }
      expect(body).toContain(picture)
      expect(body).toContain('is this <EMAIL_1>?')
    })
  })

  describe('a request to a cloud', () => {
    const place = { to: email, from: [phone], at: { [ip]: 1 } }
    const more = {
      user: email,
      metadata: { owner: email, 'ticket of': phone },
      tools: [
        {
          type: 'function',
          function: {
            name: 'send_mail',
            description: `Sends mail to ${email}`,
            parameters: {
              type: 'object',
              properties: { to: { type: 'string', description: `as ${email}`, default: ip } },
            },
          },
        },
      ],
    }
    const history = [
      { role: 'system', content: `You write for ${email}.` },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'send_mail', arguments: JSON.stringify(place) } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify({ sent: email, by: ip }) },
      { role: 'user', content: `echo: and ${phone}` },
    ]

    it('has the same placeholder for a value wherever it stands, and stays valid', async () => {
      const ran = await run('plain', '', { more: { ...more, messages: history } })
      const { body } = ran.calls[0]?.request ?? { body: '' }
      for (const value of [email, phone, ip]) expect(body).not.toContain(value)
      const seen = JSON.parse(body)
      const at = seen.messages[0].content.match(/<EMAIL_\d>/)[0]
      expect(seen.user).toBe(at)
      expect(seen.metadata.owner).toBe(at)
      expect(Object.values(seen.metadata)[1]).toMatch(/<PHONE_\d>/)
      const tool = seen.tools[0].function
      expect(tool.name).toBe('send_mail')
      expect(tool.description).toBe(`Sends mail to ${at}`)
      expect(tool.parameters.properties.to).toMatchObject({ type: 'string', description: `as ${at}` })
      const call = seen.messages[1].tool_calls[0]
      expect(call).toMatchObject({ id: 'call_1', function: { name: 'send_mail' } })
      expect(JSON.parse(call.function.arguments)).toEqual({
        to: at,
        from: [expect.stringMatching(/^<PHONE_\d>$/)],
        at: { [JSON.parse(seen.messages[2].content).by]: 1 },
      })
      expect(JSON.parse(seen.messages[2].content).sent).toBe(at)
      expect(ran.answer).toBe(`and ${phone}`)
    })

    it('gives a caller back arguments of tool calls with their values, valid JSON still', async () => {
      broker.upstream.script = (call, response) => {
        const [masked = ''] = call.prompt.match(/<EMAIL_\d>/) ?? []
        const args = JSON.stringify({ to: masked, note: `"quoted" ${masked}` })
        const calls = [{ id: 'call_9', type: 'function', function: { name: 'send_mail', arguments: args } }]
        const message = { role: 'assistant', content: null, tool_calls: calls }
        const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
        const answer = { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      }
      const messages = [{ role: 'user', content: `mail ${email}` }]
      const response = await broker.send(chatPath, { tenant: 'plain', json: { model: 'cloud', messages } })
      const answer = (await response.json()) as {
        choices: { message: { tool_calls: { function: { arguments: string } }[] } }[]
      }
      const args = answer.choices[0]?.message.tool_calls[0]?.function.arguments ?? ''
      expect(JSON.parse(args)).toEqual({ to: email, note: `"quoted" ${email}` })
    })

    it.each(['chat', 'jobs'])('keeps every digit of its numbers: %s', async (surface) => {
      const before = broker.upstream.calls.length
      const rest = `"messages":[{"role":"user","content":"mail ${email}"}],"seed":12345678901234567890,"x_scale":1.10`
      const body =
        surface === 'chat'
          ? `{"model":"cloud",${rest}}`
          : `{"model":"cloud","priority":"interactive","input":{"endpoint":"${chatPath}","body":{${rest}}}}`
      const path = surface === 'chat' ? chatPath : '/v1/jobs'
      const headers = { 'content-type': 'application/json' }
      const response = await broker.send(path, { tenant: 'plain', body, headers })
      expect([200, 202]).toContain(response.status)
      const { request } = await broker.upstream.callOf(({ number }) => number > before)
      expect(request.body).toContain('"seed":12345678901234567890')
      expect(request.body).toContain('"x_scale":1.10')
      expect(request.body).toContain('mail <EMAIL_1>')
    })
  })
})
