import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const server = fileURLToPath(new URL('../../examples/chat-page/server.ts', import.meta.url))

export interface ChatPageOptions {
  readonly sluiceUrl: string
  readonly apiKey: string
  /** The example's own unless given. */
  readonly model?: string
}

/** `examples/chat-page` as a user starts it: a process of its own. */
export interface ChatPage extends AsyncDisposable {
  readonly url: string
  /** Kills it without a warning, and starts it again at the same place. */
  replace(): Promise<void>
}

export async function startChatPage(options: ChatPageOptions): Promise<ChatPage> {
  let { child, url } = await launch(options, '0')
  return {
    url,
    async replace() {
      await end(child, 'SIGKILL')
      ;({ child } = await launch(options, new URL(url).port))
    },
    [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
  }
}

async function launch({ sluiceUrl, apiKey, model }: ChatPageOptions, port: string) {
  const env = { PATH: process.env.PATH, SLUICE_URL: sluiceUrl, SLUICE_API_KEY: apiKey, PORT: port }
  const child = spawn(process.execPath, [server], {
    env: { ...env, ...(model !== undefined && { MODEL: model }) },
    // What it says of an API that is away is part of the tests in which it is away.
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^open (http:\/\/\S+)$/.exec(line)?.[1]
    if (url) return { child, url }
  }
  throw new Error(`the chat page ended with code ${child.exitCode} before it was ready`)
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
