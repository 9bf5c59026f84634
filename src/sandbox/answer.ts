import type { ChatRequest } from './chat-request.ts'
import { findLogLines, splitLines } from './log-text.ts'
import { summarizeLog } from './summarize-log.ts'
import { formatSummaryJson, formatSummaryText } from './summary-form.ts'
import { bytesPerToken } from './token-estimate.ts'

export interface Answer {
  readonly text: string
  readonly finishReason: 'stop' | 'length'
}

const echoMark = 'echo:'
const quotedCharacters = 80

/**
 * What the sandbox says. It is no language model and says so: it summarises the log in the last user message, repeats
 * exactly what follows `echo:` at the message's start, and otherwise says what it can do. Deterministic.
 */
export function answerChat(chat: ChatRequest): Answer {
  const text = chooseText(chat)
  if (chat.maxTokens === null || Buffer.byteLength(text) <= chat.maxTokens * bytesPerToken) {
    return { text, finishReason: 'stop' }
  }
  return { text: cutToBytes(text, chat.maxTokens * bytesPerToken), finishReason: 'length' }
}

function chooseText({ prompt, wantsJson, hasInstructions }: ChatRequest): string {
  if (prompt.startsWith(echoMark)) return prompt.slice(echoMark.length)
  // A program that asks for figures about a piece of a file adds them up: no line of the piece may be left out.
  if (wantsJson && hasInstructions) return formatSummaryJson(summarizeLog(splitLines(prompt)))
  const lines = findLogLines(prompt)
  if (lines === null && !wantsJson) return introduceItself(prompt)
  const summary = summarizeLog(lines ?? [])
  return wantsJson ? formatSummaryJson(summary) : formatSummaryText(summary)
}

function introduceItself(prompt: string): string {
  const introduction =
    'This is the Sluice sandbox, not a language model: it works offline and understands nothing. Send it log lines and ' +
    'it summarises them by template mining; start a message with "echo:" and it repeats the rest.'
  const quoted = quoteStart(prompt)
  return quoted === '' ? introduction : `${introduction} Your message began: ${quoted}`
}

function quoteStart(prompt: string): string {
  const start = prompt
    .slice(0, quotedCharacters * 2)
    .replace(/\s+/g, ' ')
    .trim()
  if (start.length <= quotedCharacters) return start
  // Cut between words: half a placeholder could not be restored.
  const end = start.lastIndexOf(' ', quotedCharacters)
  return `${start.slice(0, end > 0 ? end : quotedCharacters)} …`
}

/** Cuts at a character, not in the middle of one. */
function cutToBytes(text: string, bytes: number): string {
  const cut = Buffer.from(text).subarray(0, bytes).toString()
  return cut.endsWith('\uFFFD') ? cut.slice(0, -1) : cut
}
