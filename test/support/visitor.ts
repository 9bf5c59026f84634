import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'

const busy = 503

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Headless, with an empty profile of its own. The library is loaded only where a browser is used. */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  const { chromium } = await import('playwright-core')
  return chromium.launch({ executablePath, args: flags })
}

/** Somebody who uses the chat page: a browser of their own, with one tab, and all that a test wants to know of it. */
export class Visitor implements AsyncDisposable {
  readonly context: BrowserContext
  readonly page: Page
  /** What the browser complained about. */
  readonly complaints: string[] = []
  /** The hosts that it called. */
  readonly hosts = new Set<string>()
  /** All that it was answered: bodies and headers. */
  readonly answers: Promise<string>[] = []
  readonly jobs: string[] = []

  static async arrive(browser: Browser, url: string): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1000, height: 760 } })
    await context.addInitScript(keepStreams)
    const visitor = new Visitor(context, await context.newPage())
    await visitor.page.goto(url)
    return visitor
  }

  private constructor(context: BrowserContext, page: Page) {
    this.context = context
    this.page = page
    page.on('console', (message) => {
      // A server that is busy is asked again.
      const isComplaint = ['error', 'warning'].includes(message.type()) && !message.text().includes(`status of ${busy}`)
      if (isComplaint) this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host))
    page.on('response', (response) => {
      const seen = Promise.all([response.allHeaders(), response.text().catch(() => '')])
      this.answers.push(seen.then(([headers, text]) => JSON.stringify(headers) + text).catch(() => ''))
      const id = /\/api\/chat\/(job_\w+)\/events/.exec(response.url())?.[1]
      if (id && !this.jobs.includes(id)) this.jobs.push(id)
    })
  }

  /** The job of the answer that was begun last. */
  get job(): string {
    const id = this.jobs.at(-1)
    if (id === undefined) throw new Error('no answer was begun')
    return id
  }

  async ask(text: string): Promise<void> {
    await this.page.getByLabel('Your message').fill(text)
    await this.page.getByLabel('Your message').press('Enter')
  }

  get state() {
    return this.page.getByRole('status')
  }

  /** The answers in the page, oldest first. */
  texts(): Promise<string[]> {
    return this.page.locator('.assistant .text').evaluateAll((all) => all.map(({ textContent }) => textContent ?? ''))
  }

  /** Resolves when the last answer in the page is exactly this text. */
  async reads(text: string): Promise<void> {
    await expect.poll(async () => (await this.texts()).at(-1), { timeout: 30_000, interval: 20 }).toBe(text)
  }

  /** Resolves when the page says this of what is going on. */
  async isTold(words: RegExp): Promise<void> {
    await expect.poll(() => this.state.textContent(), { timeout: 30_000, interval: 20 }).toMatch(words)
  }

  /** Resolves when the page waits for the next question. */
  async isFree(): Promise<void> {
    await this.page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 30_000 })
  }

  /** What their browser is answered when it calls the page's server itself; `json` makes it a POST. */
  call(path: string, json?: object): Promise<{ status: number; body: unknown }> {
    return eventually(`an answer to ${path}`, async () => {
      const answer = await this.page.evaluate(callServer, { path, json })
      return answer.status === busy ? null : answer
    })
  }

  /** Event streams that are open, or that the browser would open again. */
  openStreams(): Promise<number> {
    return this.page.evaluate(() => {
      const { streams } = globalThis as unknown as { streams: EventSource[] }
      return streams.filter(({ readyState }) => readyState !== EventSource.CLOSED).length
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close()
  }
}

/** Runs in the page: what streams it has opened cannot be asked for otherwise. */
function keepStreams(): void {
  const streams: EventSource[] = []
  class KeptEventSource extends EventSource {
    constructor(url: string) {
      super(url)
      streams.push(this)
    }
  }
  Object.assign(globalThis, { streams, EventSource: KeptEventSource })
}

/** Runs in the page. */
async function callServer({ path, json }: { path: string; json?: object | undefined }) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(path, json && { method: 'POST', headers, body: JSON.stringify(json) })
  return { status: response.status, body: (await response.json()) as unknown }
}
