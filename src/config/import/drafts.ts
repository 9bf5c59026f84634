import type { Residency } from '../../core/vocabulary.ts'
import type { ProviderName } from '../provider-presets.ts'
import type { Environment } from './environment.ts'
import type { Place, Report } from './report.ts'

/** What the parts of an import share. */
export interface ImportContext {
  readonly report: Report
  readonly environment: Environment
  /** Makes an id that no other deployment has. */
  readonly uniqueId: (wanted: string) => string
}

/** A deployment as it will be written. `notes` become comments above it. */
export interface DeploymentDraft {
  id: string
  readonly place: Place
  readonly provider: ProviderName
  readonly residency: Residency
  /** Further keys of the deployment, in the order in which they are written. */
  readonly settings: Readonly<Record<string, unknown>>
  /** What LiteLLM goes by when it chooses. */
  readonly order: number | null
  readonly weight: number | null
  readonly rpm: number | null
  readonly tpm: number | null
  readonly mode: 'chat' | 'embedding'
  readonly notes: readonly string[]
  tier?: number
  share?: number
}

export interface ModelDraft {
  readonly name: string
  readonly place: Place
  readonly deployments: readonly DeploymentDraft[]
  readonly notes: string[]
  fallbacks: string[]
  contextWindowFallbacks: string[]
  contentPolicyFallbacks: string[]
  cache?: { readonly ttl: string }
}

/** Seconds as a duration of the file: `30s`, `1500ms`. Null for what no timer can wait for. */
export function toDuration(seconds: number): string | null {
  const ms = Math.round(seconds * 1000)
  if (!(ms >= 1 && ms <= 24 * 86_400_000)) return null
  if (ms % 60_000 === 0 && ms >= 120_000) return `${ms / 60_000}m`
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** Ids of deployments: `gpt-4o-openai`, `gpt-4o-openai-2`. */
export function createIds(): (wanted: string) => string {
  const taken = new Set<string>()
  return (wanted) => {
    const allowed = wanted.replace(/[^a-zA-Z0-9._-]{1,200}/g, '-').replace(/^[^a-zA-Z0-9]{1,200}/, '')
    const base = allowed.slice(0, 90) || 'deployment'
    let id = base
    for (let count = 2; taken.has(id); count++) id = `${base}-${count}`
    taken.add(id)
    return id
  }
}
