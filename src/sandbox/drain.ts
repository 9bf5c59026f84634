/**
 * Drain: online log parsing with a fixed-depth tree. After Pinjia He, Jieming Zhu, Zibin Zheng and Michael R. Lyu,
 * "Drain: An Online Log Parsing Approach with Fixed Depth Tree", IEEE ICWS 2017.
 *
 *     partition and number of words ──▶ first word ──▶ the templates of this leaf
 *
 * A line goes down the tree by its length and first word, and joins the leaf's most similar template, whose differing
 * words become `<*>`; below the similarity threshold it starts a template of its own. Three things differ from the paper:
 * - Lines are partitioned by a word of the caller's (the severity), so that no template mixes two.
 * - The first `headerTokens` words, which every line of the log has (host, process), neither lead down the tree nor
 *   count as similarity: they would make any two lines alike.
 * - It is bounded: past `maxTemplates` a new kind of line is counted under one `<*>` per partition.
 */
import { wildcard } from './mask-variables.ts'

export interface DrainOptions {
  /** How many leading words, equal or variable in all lines, tell nothing. */
  readonly headerTokens: number
  /** How many words after the header lead down the tree: the paper's depth less three. */
  readonly prefixTokens: number
  /** The share of equal words, 0 to 1, from which a line belongs to a template. */
  readonly similarity: number
  /** Branches of one node; further words share the `<*>` branch. */
  readonly maxChildren: number
  /** What one line can cost at most: it is compared with every template of its leaf. */
  readonly maxTemplatesPerLeaf: number
  readonly maxTemplates: number
}

export interface LogTemplate {
  readonly tokens: readonly string[]
  readonly count: number
}

export interface Drain {
  /** Sorts a masked line into a template, which it may create or widen, and returns it. */
  add(tokens: readonly string[], partition: string): LogTemplate
}

interface GrowingTemplate {
  readonly tokens: string[]
  count: number
}

interface Node {
  readonly children: Map<string, Node>
  readonly templates: GrowingTemplate[]
}

/**
 * Found with Loghub's twelve labelled samples of 2,000 lines: the similarity is higher than the paper's, because
 * variables are masked and headers left out before words are compared.
 */
const defaults: DrainOptions = {
  headerTokens: 0,
  prefixTokens: 1,
  similarity: 0.7,
  maxChildren: 100,
  maxTemplatesPerLeaf: 100,
  maxTemplates: 1000,
}

const digit = /\d/

export function createDrain(options: Partial<DrainOptions> = {}): Drain {
  const settings = { ...defaults, ...options }
  const root = createNode()
  const overflow = new Map<string, GrowingTemplate>()
  let templateCount = 0

  return {
    add(tokens, partition) {
      const path = pathOf(tokens, partition, settings)
      const leaf = findLeaf(root, path)
      const match = leaf === null ? null : findClosest(leaf.templates, tokens, settings)
      if (match !== null) return widen(match, tokens)
      const leafIsFull = leaf !== null && leaf.templates.length >= settings.maxTemplatesPerLeaf
      if (leafIsFull || templateCount >= settings.maxTemplates) return countOverflow(overflow, partition)
      const template = { tokens: [...tokens], count: 1 }
      growLeaf(root, path, settings.maxChildren).templates.push(template)
      templateCount += 1
      return template
    },
  }
}

function createNode(): Node {
  return { children: new Map(), templates: [] }
}

function pathOf(tokens: readonly string[], partition: string, settings: DrainOptions): string[] {
  const path = [`${partition} ${tokens.length}`]
  for (const token of tokens.slice(settings.headerTokens, settings.headerTokens + settings.prefixTokens)) {
    // A word with a digit that no mask has taken is likely a variable: one branch for all of them.
    path.push(digit.test(token) || token.includes(wildcard) ? wildcard : token)
  }
  return path
}

/** Follows the path as far as the tree has it; a word without a branch may be in the `<*>` branch. */
function findLeaf(root: Node, path: readonly string[]): Node | null {
  let node: Node | undefined = root
  for (const step of path) {
    node = node.children.get(step) ?? node.children.get(wildcard)
    if (node === undefined) return null
  }
  return node
}

function growLeaf(root: Node, path: readonly string[], maxChildren: number): Node {
  let node = root
  for (const [depth, step] of path.entries()) {
    // The root's branches are lengths, which the caller bounds.
    const isFull = depth > 0 && !node.children.has(step) && node.children.size >= maxChildren
    const name = isFull ? wildcard : step
    const next = node.children.get(name) ?? createNode()
    node.children.set(name, next)
    node = next
  }
  return node
}

function findClosest(
  templates: readonly GrowingTemplate[],
  tokens: readonly string[],
  settings: DrainOptions,
): GrowingTemplate | null {
  let best: GrowingTemplate | null = null
  let bestSimilarity = -1
  for (const template of templates) {
    const similarity = similarityOf(template.tokens, tokens, settings.headerTokens)
    if (similarity <= bestSimilarity) continue
    best = template
    bestSimilarity = similarity
  }
  return bestSimilarity >= settings.similarity ? best : null
}

function similarityOf(template: readonly string[], tokens: readonly string[], headerTokens: number): number {
  const compared = tokens.length - headerTokens
  if (compared <= 0) return 1
  let equal = 0
  for (let index = headerTokens; index < tokens.length; index += 1) {
    if (template[index] === tokens[index]) equal += 1
  }
  return equal / compared
}

function widen(template: GrowingTemplate, tokens: readonly string[]): GrowingTemplate {
  template.count += 1
  for (const [index, token] of tokens.entries()) {
    if (template.tokens[index] !== token) template.tokens[index] = wildcard
  }
  return template
}

function countOverflow(overflow: Map<string, GrowingTemplate>, partition: string): GrowingTemplate {
  const template = overflow.get(partition) ?? { tokens: [wildcard], count: 0 }
  template.count += 1
  overflow.set(partition, template)
  return template
}
