import type { NodeRuntime } from '../core/node.ts'

/** What a look at a server found. */
export type ServerLook =
  | {
      readonly kind: 'found'
      readonly runtime: NodeRuntime
      readonly isLoading: boolean
      /** Calls that it works on, whoever made them; null where it does not say. */
      readonly busy: number | null
    }
  /** Somebody answers, but not as this kind of server does. */
  | { readonly kind: 'other' }
  | { readonly kind: 'away'; readonly code: string }

export type FoundModel = NodeRuntime['models'][number]

/** Whether a server's name for a model is what the configuration calls it: Ollama adds `:latest` where no tag is given. */
export function isSameModel(configured: string, found: string): boolean {
  const one = configured.toLowerCase()
  const other = found.toLowerCase()
  return one === other || `${one}:latest` === other
}
