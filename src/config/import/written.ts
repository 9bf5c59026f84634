import { Document, isMap, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'

/** A value with a comment above it, or on one line. */
export interface Written {
  readonly written: unknown
  readonly comment?: string
  readonly isInline?: boolean
  readonly hasSpaceBefore?: boolean
}

export function commented(written: unknown, comment: string | undefined): unknown {
  return comment === undefined || comment === '' ? written : ({ written, comment } satisfies Written)
}

/** On one line, as short mappings and lists are read best. */
export function inline(written: unknown): Written {
  return { written, isInline: true }
}

/** With a blank line above, as sections and models are. */
export function apart(written: unknown, comment?: string): Written {
  return { written, hasSpaceBefore: true, ...(comment !== undefined && { comment }) }
}

function isWritten(value: unknown): value is Written {
  return typeof value === 'object' && value !== null && 'written' in value
}

/** The YAML text of nested values; `head` is the comment at its beginning. */
export function toYaml(root: Readonly<Record<string, unknown>>, head: string): string {
  const document = new Document(null)
  document.contents = toNode(root) as typeof document.contents
  document.commentBefore = toComment(head)
  return document.toString({ lineWidth: 0, flowCollectionPadding: true, indentSeq: true })
}

/** Comments of a mapping's value stand above its key. */
function toNode(value: unknown): Node {
  if (isWritten(value)) {
    const node = toNode(value.written)
    if (value.isInline && (node instanceof YAMLMap || node instanceof YAMLSeq)) node.flow = true
    return decorate(node, value)
  }
  if (Array.isArray(value)) {
    const list = new YAMLSeq()
    list.items = value.map(toNode)
    return list
  }
  if (typeof value === 'object' && value !== null) {
    const map = new YAMLMap()
    map.items = Object.entries(value).map(([key, each]) => {
      const name = new Scalar(key)
      if (isWritten(each)) decorate(name, each)
      return new Pair(name, toNode(isWritten(each) ? { ...each, comment: undefined, hasSpaceBefore: false } : each))
    })
    return map
  }
  return new Scalar(value)
}

function decorate<Each extends Node>(node: Each, { comment, hasSpaceBefore }: Written): Each {
  // A comment on a mapping in a list would stand behind the dash: it goes to the first key.
  const place = isMap(node) && node.items[0]?.key instanceof Scalar ? node : node
  if (comment !== undefined) place.commentBefore = toComment(comment)
  if (hasSpaceBefore === true) place.spaceBefore = true
  return node
}

const width = 110

/** Lines of a comment, cut at blanks. */
function toComment(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const lines: string[] = ['']
      for (const word of line.split(' ')) {
        const last = lines.at(-1) ?? ''
        if (last !== '' && last.length + word.length + 1 > width) lines.push(word)
        else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
      }
      return lines
    })
    .map((line) => ` ${line}`)
    .join('\n')
}
