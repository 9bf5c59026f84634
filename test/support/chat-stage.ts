import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { startTestBroker, type TestBroker } from './broker.ts'
import { type ChatPage, startChatPage } from './chat-page.ts'
import { echo } from './chat-upstream.ts'
import { type CuttableProxy, startCuttableProxy } from './cuttable-proxy.ts'
import { bringProgram, bringTimeoutMs } from './programs.ts'
import { stepwise } from './stepwise-upstream.ts'
import { launchBrowser, Visitor } from './visitor.ts'

export const pieces = [
  'The',
  ' disk',
  ' of **db-1**',
  ' is full:\n',
  '- Grüße',
  ' 👩‍👧',
  '\n- `df -h`',
  ' says so',
  '.',
]
export const whole = pieces.join('')
/** What of the answer has been read when `beginAnswer` resolves. */
export const begun = pieces.slice(0, 3).join('')

/** A browser, the chat page's server, a network between the two that can be cut, and a broker behind it. */
export class ChatStage implements AsyncDisposable {
  readonly broker: TestBroker
  readonly chat: ChatPage
  readonly network: CuttableProxy
  readonly #browser: Browser
  readonly #owned: AsyncDisposableStack

  /** Null where there is no browser and none can be installed. The model `narrow` answers one at a time. */
  static async start(): Promise<ChatStage | null> {
    const program = await bringProgram('chromium')
    if (program === null) return null
    await using cleanup = new AsyncDisposableStack()
    const models = {
      local: [{ id: 'studio-a', pool: 'studio' as const }],
      narrow: [{ id: 'studio-n', pool: 'studio' as const, max_parallel: 1 }],
    }
    const broker = cleanup.use(await startTestBroker({ models }))
    const page = { sluiceUrl: broker.url, apiKey: broker.keys.acme, model: 'local' }
    const chat = cleanup.use(await startChatPage(page))
    const network = cleanup.use(await startCuttableProxy(chat.url))
    const browser = cleanup.adopt(await launchBrowser(program), (each) => each.close())
    return new ChatStage({ broker, chat, network, browser, owned: cleanup.move() })
  }

  private constructor(parts: {
    broker: TestBroker
    chat: ChatPage
    network: CuttableProxy
    browser: Browser
    owned: AsyncDisposableStack
  }) {
    this.broker = parts.broker
    this.chat = parts.chat
    this.network = parts.network
    this.#browser = parts.browser
    this.#owned = parts.owned
  }

  /** Somebody new, who comes over the network that can be cut unless another way is given. */
  visit(url = this.network.url): Promise<Visitor> {
    return Visitor.arrive(this.#browser, url)
  }

  /** What the job's own API says that the answer is. */
  async resultOf(id: string): Promise<string> {
    const job = (await (await this.broker.send(`/v1/jobs/${id}?wait=30`)).json()) as {
      result: { choices: { message: { content: string } }[] }
    }
    return job.result.choices[0]?.message.content ?? ''
  }

  /** An answer of which three pieces have been read and the others wait to be sent. */
  async beginAnswer(visitor: Visitor) {
    const stepped = stepwise(pieces)
    this.broker.upstream.script = stepped.script
    const send = (count: number) => {
      for (let sent = 0; sent < count; sent += 1) stepped.sendNext()
    }
    await visitor.ask('What is wrong with db-1?')
    send(3)
    await visitor.reads(begun)
    return { send, sendRest: () => send(pieces.length) }
  }

  /** The answer has come to its end, with nothing missing and nothing twice. */
  async expectWhole(visitor: Visitor): Promise<void> {
    await visitor.reads(whole)
    await visitor.isFree()
    expect(await visitor.texts()).toEqual([whole])
    expect(await this.resultOf(visitor.job)).toBe(whole)
    // A browser takes the end of a stream for a cut, and would ask for more for ever.
    expect(await visitor.openStreams()).toBe(0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync()
  }
}

/** Gives all tests of a file a stage, whose upstream echoes unless a test says otherwise. Without a browser they are skipped. */
export function stageTests(use: (stage: ChatStage) => void): void {
  // A browser and its servers start slowly where others are at work.
  vi.setConfig({ testTimeout: 60_000 })
  let stage: ChatStage | null = null
  beforeAll(async () => {
    stage = await ChatStage.start()
    if (stage) use(stage)
  }, bringTimeoutMs)
  beforeEach(({ skip }) => skip(stage === null, 'there is no Chromium here, and none can be installed'))
  afterEach(() => {
    if (stage) stage.broker.upstream.script = echo
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())
}
