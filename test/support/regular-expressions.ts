import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const folder = resolve(import.meta.dirname, '../../src/core/pii')

/** A regular expression of the detection engine, and where it comes from. */
export interface Found {
  readonly source: string
  readonly flags: string
  readonly file: string
}

/** Literals stand after a sign or a word that a division can't follow. */
const literal =
  /(?<=[=(,:[!&|?;{}]\s*|\breturn\s+|^\s*)\/(?![/*])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+)\/([dgimsuvy]*)/gm
const comment = /^\s*(?:\/\/|\/?\*).*$|\s\/\/ .*$/gm

/** Every regular expression that is written in a source file of the detection engine. */
export function literalExpressions(): Found[] {
  return globSync('**/*.ts', { cwd: folder })
    .sort()
    .flatMap((file) => {
      const text = readFileSync(resolve(folder, file), 'utf8').replace(comment, '')
      return [...text.matchAll(literal)].flatMap(([, source = '', flags = '']) =>
        isExpression(source, flags) ? [{ source, flags, file }] : [],
      )
    })
}

function isExpression(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp
  } catch {
    return false
  }
}

/** Every regular expression that is put together while the modules of the engine load. */
export async function constructedExpressions(load: () => Promise<unknown>): Promise<Found[]> {
  const found: Found[] = []
  const original = globalThis.RegExp
  globalThis.RegExp = new Proxy(original, {
    construct(target, args, newTarget) {
      const made: RegExp = Reflect.construct(target, args, newTarget)
      const file = callerOf(new Error().stack ?? '')
      if (file !== null) found.push({ source: made.source, flags: made.flags, file })
      return made
    },
  })
  try {
    await load()
  } finally {
    globalThis.RegExp = original
  }
  return found
}

/** The file of the engine that a call came from; null if it came from a library. */
function callerOf(stack: string): string | null {
  const frame = stack.split('\n')[2] ?? ''
  return /core\/pii\/([\w/-]+\.ts)/.exec(frame)?.[1] ?? null
}
