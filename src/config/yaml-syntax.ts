/**
 * What keeps a text from being YAML, in words that do not quote it: what stands there may be a secret. Where something
 * was opened and never closed, the parser stumbles further down; the place that helps is where it was opened.
 */
import { type Document, isCollection, Scalar, visit, type YAMLError } from 'yaml'

/** `offset` counts UTF-16 units from the start of the text. */
export interface SyntaxFault {
  readonly offset: number
  readonly message: string
}

const tooDeepMessage = 'this key does not fit below the line before it; check the indentation'

/** The faults in the order of the text, one per line: after one slip a parser stumbles over much that is right. */
export function findSyntaxErrors(document: Document.Parsed, text: string): readonly SyntaxFault[] {
  // Other warnings concern layout; a tag that nobody knows would change what a value means.
  const tags = document.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
  const tooDeep = document.errors.filter(({ code }) => code === 'MULTILINE_IMPLICIT_KEY')
  const isTooDeep = (error: YAMLError) => tooDeep.some(({ pos }) => pos[0] === error.pos[0])
  const errors = [...document.errors.filter((error) => tooDeep.includes(error) || !isTooDeep(error)), ...tags]
  const quote = errors.find(({ message }) => message.startsWith('Missing closing'))

  const faults = errors.map((error): SyntaxFault => {
    if (error === quote) return { offset: lastQuote(document) ?? error.pos[0], message: 'this quote is never closed' }
    const opening = error.message.startsWith('Flow ') ? unclosedBracket(document, error.pos[0]) : undefined
    if (opening !== undefined) return { offset: opening, message: `this "${text.charAt(opening)}" is never closed` }
    if (isTooDeep(error)) return { offset: nextLine(text, error.pos[0]), message: tooDeepMessage }
    return { offset: error.pos[0], message: describe(error, text) }
  })
  const lineOf = ({ offset }: SyntaxFault) => text.slice(0, offset).split('\n').length
  const lines = faults.map(lineOf)
  return faults
    .filter((fault, index) => lines.indexOf(lineOf(fault)) === index)
    .sort((left, right) => left.offset - right.offset)
}

/** The parser misses the quote at the end of the text, so it was opened last of all. */
function lastQuote(document: Document.Parsed): number | undefined {
  let start: number | undefined
  visit(document, {
    Scalar: (_key, { type, range }) => {
      if (type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE) start = range?.[0]
    },
  })
  return start
}

/** The parser gives up a `[` or `{` where it ends the node. */
function unclosedBracket(document: Document.Parsed, end: number): number | undefined {
  let start: number | undefined
  visit(document, {
    Node: (_key, node) => {
      if (isCollection(node) && node.flow && node.range?.[1] === end) start = node.range[0]
    },
  })
  return start
}

/** A key indented too far is read as more of the value before it, and blamed on that. */
function nextLine(text: string, offset: number): number {
  const [skipped] = /^[^\n]*\n\s*/.exec(text.slice(offset)) ?? ['']
  return offset + skipped.length
}

function describe({ code, message, pos }: YAMLError, text: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return `the key ${/^["']?([\w.-]{1,100})/.exec(text.slice(pos[0]))?.[1] ?? 'here'} is given twice`
    case 'TAB_AS_INDENT':
      return 'indentation is made of blanks, not tabs'
    case 'MULTIPLE_DOCS':
      return 'a second document starts here (`---`); a file holds one'
    case 'UNEXPECTED_TOKEN':
      return 'this does not fit here; is a quote, comma or bracket missing, or one too many?'
    case 'BAD_DQ_ESCAPE':
      return 'a backslash in double quotes starts an escape sequence, and this is none; use single quotes'
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'BLOCK_IN_FLOW':
      return 'a key is not allowed here; quote values that contain ": "'
    case 'NON_STRING_KEY':
      return 'a mapping or list cannot be a name'
    case 'TAG_RESOLVE_FAILED':
      return 'tags (`!name`) are not supported'
    default:
      return message.replace(/(\S): .*$/s, '$1')
  }
}
