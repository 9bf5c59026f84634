import type { Priority } from './vocabulary.ts'

/** OpenAI's words for who goes first, as an answer names them. */
export type ServiceTier = 'priority' | 'default' | 'flex'

/** What a request may ask for. Others are an upstream's own: they are none of ours and change nothing here. */
const priorityOfTier: ReadonlyMap<string, Priority> = new Map([
  ['priority', 'interactive'],
  ['fast', 'interactive'],
  ['flex', 'batch'],
])

/**
 * The priority of a request that asks for a tier: `usual` is that of its surface, for `auto`, `default` and words that
 * are not OpenAI's.
 */
export function priorityFor(asked: string | null | undefined, usual: Priority): Priority {
  return priorityOfTier.get(asked ?? '') ?? usual
}

/**
 * The tier that an answer names: the one that the job was served in, whatever decided it. Undefined where nobody asked
 * for a tier, and the answer stays as it was written.
 */
export function tierServed(
  asked: string | null | undefined,
  { priority, usual }: { priority: Priority; usual: Priority },
): ServiceTier | undefined {
  if (asked === null || asked === undefined) return undefined
  if (priority === 'batch') return 'flex'
  const isAbove = priority === 'interactive' && (usual !== 'interactive' || priorityOfTier.get(asked) === 'interactive')
  return isAbove ? 'priority' : 'default'
}

/** A key of the object's own: inside a string its quotes would be escaped. */
const ownTier = /"service_tier"\s*:\s*"/

/**
 * A completion, or a chunk of one, with the tier in it. One that an upstream has named stays: it is what was paid for.
 * On the text, because an answer of megabytes is not parsed for this.
 */
export function echoTier(json: string, tier: ServiceTier | undefined): string {
  if (tier === undefined || ownTier.test(json)) return json
  const end = json.lastIndexOf('}')
  return `${json.slice(0, end)},"service_tier":"${tier}"}`
}
