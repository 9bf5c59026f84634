/** Makes of a body in OpenAI's dialect one in an upstream's own: by its quirks, on the text, so that nothing else changes. */
import type { DialectQuirks } from '../core/dialect.ts'
import type { OutputLimitField } from '../core/output-limit.ts'
import { type Member, type Shape, walkJson } from '../core/pii/json-walk.ts'
import { mayHaveForeignFields, withoutForeignFields } from './foreign-fields.ts'
import { ignoredFields } from './ignored-fields.ts'

/** A stretch of the text and what stands there instead. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const otherLimit: Readonly<Record<OutputLimitField, OutputLimitField>> = {
  max_tokens: 'max_completion_tokens',
  max_completion_tokens: 'max_tokens',
}

/** Finds the role of each message, and no text of the caller's that looks like one. */
const roles: Shape = {
  fields: { messages: { fields: { role: 'keep' }, others: 'opaque' } },
  others: 'opaque',
}

/** The body of a chat as the upstream wants it. The same text where nothing has to change, which costs a search or none. */
export function adaptChatBody(bodyJson: string, quirks: DialectQuirks): string {
  if (!mayNeedEdits(bodyJson, quirks)) return bodyJson
  const developers: Edit[] = []
  const members = walkJson(bodyJson, roles, ({ kind, name, text, treatment, start, end }) => {
    const isDeveloper = kind === 'string' && treatment === 'keep' && name === 'role' && text === 'developer'
    if (quirks.hasNoDeveloper && isDeveloper) developers.push({ start, end, text: '"system"' })
  })
  const edited = members.map((member) => editMember(bodyJson, member, developers))
  const given = quirks.refusesNull ? edited.filter(({ value }) => value !== 'null') : edited
  const taken = given.filter((field) => !isForeignTier(field, quirks) && !isForeignHint(field, quirks))
  return joinMembers(
    settleLimit(
      taken.map((field) => adaptField(field, quirks)),
      quirks,
    ),
  )
}

function mayNeedEdits(bodyJson: string, quirks: DialectQuirks): boolean {
  if (quirks.usualOutputTokens !== undefined || quirks.refusesNull) return true
  if (quirks.hasNoDeveloper && bodyJson.includes('"developer"')) return true
  if (quirks.seed !== undefined && bodyJson.includes('"seed"')) return true
  if (mayHaveForeignFields(bodyJson, quirks)) return true
  if (quirks.hints !== undefined && hintPattern.test(bodyJson)) return true
  if (quirks.serviceTiers !== undefined && bodyJson.includes('"service_tier"')) return true
  return quirks.outputLimit !== undefined && bodyJson.includes(`"${otherLimit[quirks.outputLimit]}"`)
}

interface Field {
  readonly name: string
  /** The value as it is written, from after the colon. */
  readonly value: string
}

function adaptField(field: Field, quirks: DialectQuirks): Field {
  if (field.name === 'seed') return { ...field, name: quirks.seed ?? 'seed' }
  if (field.name !== 'messages' && field.name !== 'tools') return field
  return { ...field, value: withoutForeignFields(field.value, quirks) }
}

/** A tier chooses a lane here; an upstream that does not know the word would refuse the whole request for it. */
function isForeignTier({ name, value }: Field, { serviceTiers }: DialectQuirks): boolean {
  if (name !== 'service_tier' || serviceTiers === undefined) return false
  const tier: unknown = JSON.parse(value)
  return typeof tier !== 'string' || !serviceTiers.includes(tier)
}

/** Of those that say nothing about the answer, tiers apart: they have a list of their own. */
const hintNames: ReadonlySet<string> = new Set(Object.keys(ignoredFields).filter((name) => name !== 'service_tier'))
const hintPattern = new RegExp(`"(?:${[...hintNames].join('|')})"`)

function isForeignHint({ name }: Field, { hints }: DialectQuirks): boolean {
  return hints !== undefined && hintNames.has(name) && !hints.includes(name)
}

function editMember(bodyJson: string, { name, start, end }: Member, edits: readonly Edit[]): Field {
  let text = ''
  let from = start
  for (const edit of edits) {
    if (edit.start < start || edit.end > end) continue
    text += bodyJson.slice(from, edit.start) + edit.text
    from = edit.end
  }
  text += bodyJson.slice(from, end)
  return { name, value: text.slice(text.indexOf(':', keyLength(text)) + 1).trim() }
}

/** How long the key at the start of a member is: a colon in it is none. */
function keyLength(member: string): number {
  let end = 1
  while (member[end] !== '"') end += member[end] === '\\' ? 2 : 1
  return end
}

/** One limit on output tokens under the name that the upstream knows: of two the newer name's, of none the usual. */
function settleLimit(fields: readonly Field[], { outputLimit, usualOutputTokens }: DialectQuirks): readonly Field[] {
  if (outputLimit === undefined) return fields
  const limits = fields.filter(({ name }) => name === 'max_completion_tokens' || name === 'max_tokens')
  const limit = limits.find(({ name }) => name === 'max_completion_tokens') ?? limits[0]
  if (limit === undefined && usualOutputTokens === undefined) return fields
  const value = limit?.value ?? String(usualOutputTokens)
  return [...fields.filter((field) => !limits.includes(field)), { name: outputLimit, value }]
}

function joinMembers(fields: readonly Field[]): string {
  return `{${fields.map(({ name, value }) => `${JSON.stringify(name)}:${value}`).join(',')}}`
}
