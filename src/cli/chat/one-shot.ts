import { text as readAll } from 'node:stream/consumers'
import type { ApiClient } from '../client/api-client.ts'
import { UsageError } from '../client/failures.ts'
import { printJson } from '../client/run-command.ts'
import { plainText } from '../client/terminal-text.ts'
import { type Message, streamAnswer } from './stream-answer.ts'

/** The model that was named, or the only one there is. @throws UsageError where there are several to choose from. */
export async function chooseModel(client: ApiClient, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) return wanted
  const models = await client.listModels()
  const [first] = models
  if (first === undefined) throw new UsageError('There is no model for this key.')
  if (models.length > 1) throw new UsageError(`Choose a model with --model: ${models.join(', ')}.`)
  return first
}

/** Asks once and streams the answer to stdout. Resolves with the exit code. */
export async function runOneShot(
  client: ApiClient,
  options: { model: string; opening: readonly Message[]; words: readonly string[]; json: boolean },
): Promise<number> {
  const { model, opening, words, json } = options
  const isPiped = words.length === 0 || (words.length === 1 && words[0] === '-')
  const content = isPiped ? await readAll(process.stdin) : words.join(' ')
  if (content.trim() === '') throw new UsageError('There is no message.')

  const messages: Message[] = [...opening, { role: 'user', content }]
  // A file or a pipe gets what the model said; a terminal gets what can't harm it.
  const isTerminal = process.stdout.isTTY === true
  let isLineOpen = false
  const show = (piece: string) => {
    process.stdout.write(isTerminal ? plainText(piece) : piece)
    isLineOpen = !piece.endsWith('\n')
  }
  try {
    const answer = await streamAnswer(client, { model, messages }, json ? () => {} : show)
    if (json) printJson({ model, content: answer.text, finish_reason: answer.finishReason, usage: answer.usage })
  } finally {
    if (isLineOpen) process.stdout.write('\n')
  }
  return 0
}
