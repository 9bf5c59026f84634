import { businessKinds } from './kinds-business.ts'
import { cloudKinds } from './kinds-cloud.ts'
import { codeKinds } from './kinds-code.ts'
import { modelKinds } from './kinds-models.ts'

/**
 * One kind of key: its name, the signs that its issuer starts it with so that scanners can know it, and what follows
 * them. Most lines are that; a fourth entry says what else there is to know.
 */
export type KindLine = readonly [id: string, mark: string, body: RegExp, options?: KindOptions]

interface KindOptions {
  /** What of the key stands before the mark. */
  readonly before?: RegExp
  /** The body may be made of words: the mark says enough. */
  readonly anyBody?: true
  /** The mark is the name of what holds the key, so only the group `key` of the body is secret. */
  readonly keyOnly?: true
  /** The mark may stand inside words; without this, a letter before it speaks against it. */
  readonly insideWords?: true
}

export interface Kind extends KindOptions {
  readonly id: string
  readonly mark: string
  /** What follows the mark. */
  readonly body: RegExp
  /** All of it, to be tried where the mark stands; the group `before` is what stands before the mark. */
  readonly pattern: RegExp
}

/** Facts out of the issuers' documentation and of publicly known rules: marks, alphabets, lengths. */
export const kinds: readonly Kind[] = [...cloudKinds, ...codeKinds, ...modelKinds, ...businessKinds].map(toKind)

function toKind([id, mark, body, options = {}]: KindLine): Kind {
  const written = mark.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)
  const pattern = new RegExp(leadOf(mark, options) + written + body.source, `${body.flags}y`)
  return { id, mark, body, pattern, ...options }
}

/**
 * A letter after a backslash is no letter: a line end that is written out stands before many a key. A plus sign after a
 * letter is base64, in which any mark turns up by chance.
 */
function leadOf(
  mark: string,
  { before, insideWords = !/^\w/.test(mark) }: Pick<KindOptions, 'before'> & { insideWords?: boolean },
): string {
  if (before) return `(?<=(?<before>${before.source}))`
  return insideWords ? '' : String.raw`(?<!(?<!\\)[A-Za-z]|[A-Za-z0-9/]\+)`
}
