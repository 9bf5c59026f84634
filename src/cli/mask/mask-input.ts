import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { createBuiltinDetector } from '../../core/pii/builtin-detector.ts'
import { Masker } from '../../core/pii/mask.ts'
import { type ProfileName, profiles } from '../../core/pii/profiles.ts'
import type { Finding } from '../../core/pii/recognizer.ts'
import { cutIntoBlocks, cutIntoLines } from './text-blocks.ts'

export interface MaskFlags {
  readonly profile: ProfileName
  readonly json?: boolean
}

/**
 * Masks what comes in and writes it out as it comes: memory goes with the number of different values, not with the length
 * of the input. Returns the exit code.
 */
export async function maskInput(flags: MaskFlags, streams: { input: Readable; output: Writable }): Promise<number> {
  const detector = createBuiltinDetector({ entities: profiles[flags.profile] })
  const find = (text: string) => detector.detect([{ name: '', text }])[0] ?? []
  const write = async (text: string) => {
    if (!streams.output.write(text)) await once(streams.output, 'drain')
  }
  const { first, pieces } = await peek(streams.input.setEncoding('utf8'))
  if (isJsonLines(first)) return maskLines(pieces, find, write)
  await maskText(pieces, find, (result, offset) => write(flags.json ? toLine(result, offset) : result.masked))
  return 0
}

type Find = (text: string) => readonly Finding[]
type Write = (text: string) => Promise<void>

interface Result {
  readonly masked: string
  readonly findings: readonly Finding[]
}

async function maskText(
  pieces: AsyncIterable<string>,
  find: Find,
  write: (result: Result, offset: number) => Promise<void>,
): Promise<void> {
  const masker = new Masker()
  let offset = 0
  for await (const block of cutIntoBlocks(pieces)) {
    await write(maskWith(masker, block, find), offset)
    offset += block.length
  }
}

/** A line that can't be read is told on stderr by its number and left out: what it holds can't be known. */
async function maskLines(pieces: AsyncIterable<string>, find: Find, write: Write): Promise<number> {
  let number = 0
  let unreadable = 0
  for await (const line of cutIntoLines(pieces)) {
    number += 1
    if (line.trim() === '') continue
    const text = textOf(line)
    if (text === null) {
      unreadable += 1
      process.stderr.write(`line ${number}: expected a JSON object with a string "text"\n`)
    } else await write(toLine(maskWith(new Masker(), text, find), 0))
  }
  return unreadable === 0 ? 0 : 1
}

function maskWith(masker: Masker, text: string, find: Find): Result {
  const findings = find(text)
  return { masked: masker.mask(text, findings), findings }
}

function toLine({ masked, findings }: Result, offset: number): string {
  const listed = findings.map(({ start, end, entity, score }) => ({
    start: start + offset,
    end: end + offset,
    label: entity,
    score,
  }))
  return `${JSON.stringify({ masked, findings: listed })}\n`
}

/** Up to the first line end, or as much as tells what it is, and the whole again. */
async function peek(input: Readable): Promise<{ first: string; pieces: AsyncIterable<string> }> {
  const iterator = input[Symbol.asyncIterator]() as AsyncIterator<string>
  let first = ''
  let isDone = false
  while (!isDone && !/\S[^\n]*\n/.test(first) && first.length < longestFirstLine) {
    const { value, done } = await iterator.next()
    isDone = done === true
    first += isDone ? '' : value
  }
  async function* pieces(): AsyncGenerator<string> {
    yield first
    for (;;) {
      const { value, done } = await iterator.next()
      if (done) return
      yield value
    }
  }
  return { first, pieces: pieces() }
}
const longestFirstLine = 16_777_216

function isJsonLines(first: string): boolean {
  const line = first.trimStart().split('\n', 1)[0] ?? ''
  return line.startsWith('{') && textOf(line) !== null
}

/** The `text` of a JSON object; null if it has none that is a string. */
function textOf(line: string): string | null {
  try {
    const { text } = JSON.parse(line) as { text?: unknown }
    return typeof text === 'string' ? text : null
  } catch {
    return null
  }
}
