import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { startChatPage } from '../support/chat-page.ts'
import { begun, type ChatStage, pieces, stageTests } from '../support/chat-stage.ts'
import { echo, refuse, say } from '../support/chat-upstream.ts'
import { startSluiceUp } from '../support/sluice-up.ts'
import { stepwise } from '../support/stepwise-upstream.ts'

/** `examples/chat-page` in a real browser, its servers in processes of their own. */
let stage: ChatStage
stageTests((started) => {
  stage = started
})

describe('the chat page', () => {
  it('shows an answer while it comes, and calls nobody but its own server', async () => {
    await using visitor = await stage.visit()
    const stepped = stepwise(pieces)
    stage.broker.upstream.script = stepped.script
    await visitor.ask('12:00:01 ERROR db-1 no space left on device')
    for (let count = 1; count < pieces.length; count += 1) {
      stepped.sendNext()
      await visitor.reads(pieces.slice(0, count).join(''))
      expect(await visitor.page.getByRole('button', { name: 'Stop' }).isVisible()).toBe(true)
    }
    stepped.sendNext()
    await stage.expectWhole(visitor)
    expect(await visitor.page.getByLabel('Your message').inputValue()).toBe('')
    expect(visitor.complaints).toEqual([])
    expect([...visitor.hosts]).toEqual([new URL(stage.network.url).host])
    const answered = (await Promise.all(visitor.answers)).join('\n')
    expect(answered).toContain('content-security-policy')
    expect(answered).not.toContain(stage.broker.keys.acme)
  })

  it('sends what was said before with each question', async () => {
    await using visitor = await stage.visit()
    await visitor.ask('echo: one')
    await visitor.reads('one')
    await visitor.isFree()
    await visitor.ask('echo: two')
    await visitor.reads('two')
    const { messages } = JSON.parse(stage.broker.upstream.calls.at(-1)?.request.body ?? '')
    expect(messages).toEqual([
      { role: 'user', content: 'echo: one' },
      { role: 'assistant', content: 'one' },
      { role: 'user', content: 'echo: two' },
    ])
    await visitor.isFree()
    await visitor.page.reload()
    expect(await visitor.texts()).toEqual(['one', 'two'])
    await visitor.page.getByRole('button', { name: 'New conversation' }).click()
    expect(await visitor.texts()).toEqual([])
  })

  it('sends by Enter what there is to send, and breaks the line by Shift and Enter', async () => {
    await using visitor = await stage.visit()
    const message = visitor.page.getByLabel('Your message')
    const before = stage.broker.upstream.calls.length
    await message.press('Enter')
    await message.pressSequentially('echo: one')
    await message.press('Shift+Enter')
    await message.pressSequentially('two')
    await message.press('Enter')
    await visitor.reads('one\ntwo')
    await visitor.isFree()
    expect(stage.broker.upstream.calls.length - before).toBe(1)
    expect(await message.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
    expect(await visitor.page.getByRole('log', { name: 'Conversation' }).getAttribute('aria-live')).toBe('polite')
  })

  it('shows what a model writes as text, whatever it is', async () => {
    const attack =
      '<img src=x onerror="document.title=1"><script>document.title=1</script>\n`<b>`**<i>x</i>**\n```\n<p>\n'
    stage.broker.upstream.script = say(attack)
    await using visitor = await stage.visit()
    await visitor.ask(attack)
    await visitor.reads(attack)
    expect(await visitor.page.locator('#log').locator('img, script, b, i, .text p').count()).toBe(0)
    expect(await visitor.page.title()).toBe('Sluice chat')
    expect(visitor.complaints).toEqual([])
  })

  it('tells how many are before one that waits', async () => {
    await using narrow = await startChatPage({
      sluiceUrl: stage.broker.url,
      apiKey: stage.broker.keys.acme,
      model: 'narrow',
    })
    await using first = await stage.visit(narrow.url)
    await using second = await stage.visit(narrow.url)
    const stepped = stepwise(['one', 'two'])
    stage.broker.upstream.script = stepped.script
    await first.ask('first')
    stepped.sendNext()
    await first.reads('one')
    await second.ask('second')
    await second.isTold(/^Waiting: place 1(, about \d+ s)?$/)
    stage.broker.upstream.script = say('at last')
    stepped.sendNext()
    await second.reads('at last')
  })

  it('says what went wrong, and tries again when it is told to', async () => {
    stage.broker.upstream.script = refuse(400)
    await using visitor = await stage.visit()
    await visitor.ask('echo: better')
    const failures = visitor.page.locator('.note.failure')
    await failures.waitFor()
    expect(await failures.textContent()).toMatch(/^This did not work\. .+/)
    await visitor.ask('echo: at last')
    await failures.nth(1).waitFor()
    await visitor.page.reload()
    stage.broker.upstream.script = echo
    // Strict: there is one such button, that of what was asked last.
    await visitor.page.getByRole('button', { name: 'Try again' }).click()
    await visitor.reads('at last')
    await visitor.isFree()
    expect(await visitor.texts()).toEqual(['', 'at last'])
  })

  it('says that it is not set up where there is no such model', async () => {
    await using wrong = await startChatPage({
      sluiceUrl: stage.broker.url,
      apiKey: stage.broker.keys.acme,
      model: 'nobody',
    })
    await using visitor = await stage.visit(wrong.url)
    await visitor.ask('hello')
    await visitor.page.locator('.note.failure').waitFor()
    expect(await visitor.page.locator('.assistant .note').textContent()).toMatch(/^This chat is not set up/)
  })

  it('stops an answer when it is told to, and keeps what there is of it', async () => {
    await using visitor = await stage.visit()
    await stage.beginAnswer(visitor)
    await visitor.page.getByRole('button', { name: 'Stop' }).click()
    await visitor.isFree()
    expect(await visitor.page.locator('.assistant .note').textContent()).toBe('Stopped.')
    expect(await visitor.texts()).toEqual([begun])
    const job = await (await stage.broker.send(`/v1/jobs/${visitor.job}`)).json()
    expect(job).toMatchObject({ status: 'cancelled' })
  })
})

describe('two visitors', () => {
  it('cannot read, follow or stop each other’s answers', async () => {
    await using ada = await stage.visit()
    await using eve = await stage.visit()
    const answer = await stage.beginAnswer(ada)
    const path = `/api/chat/${ada.job}`
    const unknown = { status: 404, body: { error: { message: 'This answer is no longer kept.' } } }
    for (const suffix of ['', '/events', '/events?after=0']) {
      expect(await eve.call(path + suffix), suffix).toEqual(unknown)
    }
    expect(await eve.call(`${path}/cancel`, {})).toEqual(unknown)
    expect(await ada.call(path)).toMatchObject({ status: 200, body: { status: 'in_progress' } })
    stage.broker.upstream.script = echo
    // Eve sends Ada's question under Ada's number: it is a question of her own.
    const key = await ada.page.evaluate(() => JSON.parse(sessionStorage.getItem('conversation') ?? '').running.key)
    const messages = [{ role: 'user', content: 'What is wrong with db-1?' }]
    const taken = await eve.call('/api/chat', { key, messages })
    expect(taken).toEqual({ status: 202, body: { id: expect.stringMatching(/^job_/) } })
    expect(taken.body).not.toEqual({ id: ada.job })
    answer.sendRest()
    await stage.expectWhole(ada)
  })

  it('reach nothing of Sluice but what the page is for', async () => {
    await using eve = await stage.visit()
    const paths = ['/api/chat/..%2fmodels', '/api/chat/job_x', '/v1/models', '/server.ts', '/..%2fserver.ts']
    const answers = await Promise.all(paths.map((each) => eve.call(each)))
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 404, 404, 404])
    const messages = [{ role: 'system', content: 'x' }]
    expect(await eve.call('/api/chat', { key: '0'.repeat(32), messages })).toMatchObject({ status: 400 })
    const response = await fetch(stage.chat.url)
    expect(response.headers.get('set-cookie')).toMatch(/^visitor=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/)
    const secure = await fetch(stage.chat.url, { headers: { 'x-forwarded-proto': 'https' } })
    expect(secure.headers.get('set-cookie')).toMatch(/^__Host-visitor=.*; Secure$/)
  })
})

it('the chat page summarises a log with the sandbox, without a model', async () => {
  await using sluice = await startSluiceUp()
  await using page = await startChatPage({ sluiceUrl: sluice.url, apiKey: sluice.apiKey })
  await using visitor = await stage.visit(page.url)
  const log = await readFile(path.resolve(import.meta.dirname, '../../examples/logs/redis.log'), 'utf8')
  await visitor.ask(log.slice(0, 20_000))
  await visitor.page.getByText('Log summary').waitFor({ timeout: 30_000 })
  await visitor.isFree()
  const [text] = await visitor.texts()
  expect(text).toMatch(/no language model[\s\S]*Templates/)
  expect(visitor.complaints).toEqual([])
  await vi.waitFor(async () => expect(await visitor.state.textContent()).toBe(''))
})
