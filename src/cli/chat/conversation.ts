import { createInterface, type Interface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { ApiClient } from '../client/api-client.ts'
import { describeFailure } from '../client/failures.ts'
import { plainText } from '../client/terminal-text.ts'
import { type Message, streamAnswer } from './stream-answer.ts'

/** Ctrl-C, as shells report it. */
const interruptedExitCode = 130

/**
 * A conversation on a terminal. Ctrl-C stops the answer that is being streamed; where none is, the first one warns and
 * the second one ends the conversation. Resolves with the exit code.
 */
export async function runConversation(
  client: ApiClient,
  { model, opening }: { model: string; opening: readonly Message[] },
): Promise<number> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: styleText('bold', '> ') })
  const lines = readLines(terminal)
  const state: { answer: AbortController | null; interrupts: number } = { answer: null, interrupts: 0 }
  terminal.on('SIGINT', () => {
    if (state.answer) {
      state.answer.abort()
      return
    }
    state.interrupts += 1
    if (state.interrupts > 1) return terminal.close()
    process.stdout.write('\nPress Ctrl-C again, or type /exit, to leave.\n')
    terminal.prompt()
  })
  process.stdout.write(
    `Talking to ${model} at ${client.url}. /exit leaves, /new starts over, Ctrl-C stops an answer.\n`,
  )

  let history: Message[] = [...opening]
  for (;;) {
    const line = await ask(terminal, lines)
    if (line === null) break
    state.interrupts = 0
    const content = line.trim()
    if (content === '/exit') break
    if (content === '/new') history = [...opening]
    if (content === '' || content === '/new') continue
    const messages: Message[] = [...history, { role: 'user', content }]
    state.answer = new AbortController()
    const text = await answer(client, { model, messages }, state.answer.signal)
    state.answer = null
    // A question without an answer is not part of the conversation: the next request would hold two in a row.
    if (text !== '') history = [...messages, { role: 'assistant', content: text }]
  }
  terminal.close()
  process.stdout.write('\n')
  return state.interrupts > 1 ? interruptedExitCode : 0
}

/** What was typed, or pasted at once; null at the end of the input. */
async function ask(terminal: Interface, lines: AsyncGenerator<string>): Promise<string | null> {
  terminal.prompt()
  const next = await lines.next()
  return next.done ? null : next.value
}

/** Lines that arrive together, such as a pasted log, are one message. */
async function* readLines(terminal: Interface): AsyncGenerator<string, void, undefined> {
  let arrived: string[] = []
  let isClosed = false
  let wake = () => {}
  terminal.on('line', (line) => {
    arrived.push(line)
    wake()
  })
  terminal.on('close', () => {
    isClosed = true
    wake()
  })
  while (!isClosed || arrived.length > 0) {
    if (arrived.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      await setImmediate()
    }
    const message = arrived.join('\n')
    arrived = []
    if (message !== '' || !isClosed) yield message
  }
}

/** Streams an answer to the terminal and says what went wrong. Resolves with what came, as far as it came. */
async function answer(
  client: ApiClient,
  question: { model: string; messages: readonly Message[] },
  signal: AbortSignal,
): Promise<string> {
  let text = ''
  try {
    const { finishReason } = await streamAnswer(
      client,
      question,
      (piece) => {
        text += piece
        process.stdout.write(plainText(piece))
      },
      signal,
    )
    const note = finishReason === null || finishReason === 'stop' ? '' : styleText('dim', ` (ended: ${finishReason})`)
    process.stdout.write(`${note}\n`)
  } catch (error) {
    const failure = signal.aborted ? 'stopped' : describeFailure(error)
    if (failure === null) throw error
    process.stdout.write(`${text === '' ? '' : '\n'}${styleText('dim', `(${failure})`)}\n`)
  }
  return text
}
