import type { NodeRuntime } from '../core/node.ts'
import { createGetJson, type GetJson } from './get-json.ts'
import { lookAtOllama } from './ollama-server.ts'
import { lookAtLlamaCpp, lookAtLmStudio, lookAtMlx, lookAtVllm } from './openai-server.ts'
import type { ServerLook } from './server-look.ts'

/** How the servers of these providers are looked at; those of all others are not asked anything. */
const looks = {
  ollama: lookAtOllama,
  mlx: lookAtMlx,
  'llama.cpp': lookAtLlamaCpp,
  'lm-studio': lookAtLmStudio,
  vllm: lookAtVllm,
  // An Ollama may stand behind any base URL that ends in `/v1`, and must be known for what it is.
  'openai-compatible': lookAtOllama,
  localai: lookAtOllama,
} as const
export type WatchedProvider = keyof typeof looks

export function isWatched(provider: string): provider is WatchedProvider {
  return Object.hasOwn(looks, provider)
}

/** One model at a time, or as many as there is memory for: calls of different models get in each other's way. */
export function swapsModels(provider: WatchedProvider): boolean {
  return provider === 'ollama' || provider === 'mlx' || provider === 'lm-studio'
}

/** Where a deployment's server has its root: the URLs of OpenAI's dialect end in `/v1`. */
export function rootOf(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** A server that answers slowly once is not away; one that refuses connections is. */
const silencesAllowed = 1

/** What says for certain that a call would not get through either. */
const goneCodes: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'])

/** What is known of one server: the last look at it, and whether it is still there. */
export class WatchedServer {
  readonly root: string
  readonly provider: WatchedProvider
  /** Null before it was found for the first time, and while it is away. */
  runtime: NodeRuntime | null = null
  /** Why it can't be used; null while it can. */
  trouble: string | null = 'has not been looked at'
  /** Nobody can be reached at its address. */
  isGone = false
  /** It has answered, and not as an Ollama does. */
  isOther = false
  /** Calls that it works on, whoever made them; null where it does not say. */
  busy: number | null = null
  /** Those of them that this node did not make, or has given up. */
  strangers = 0
  readonly #get: GetJson
  /** What its operator says of it, should it be an Ollama: those don't tell. */
  readonly #parallel: number | null
  #silences = 0

  constructor(options: {
    root: string
    provider: WatchedProvider
    headers: Readonly<Record<string, string>>
    parallel: number | null
  }) {
    this.root = options.root
    this.provider = options.provider
    this.#get = createGetJson(options.root, options.headers)
    this.#parallel = options.parallel
  }

  /** Calls that it works on at once; null where nobody says so. */
  get parallel(): number | null {
    if (this.runtime) return this.runtime.parallel
    return this.provider === 'ollama' ? this.#parallel : null
  }

  /** Asks it what it has. Never rejects. */
  async look(): Promise<void> {
    const look = await looks[this.provider](this.root, this.#get, this.#parallel)
    if (look.kind === 'away') {
      this.#silences += 1
      if (look.code === 'no answer in time' && this.runtime && this.#silences <= silencesAllowed) return
      // Whoever answers at this address next may be somebody else.
      this.isOther = false
      this.isGone = goneCodes.has(look.code)
      this.runtime = null
      this.busy = null
      this.trouble = `does not answer (${look.code})`
      return
    }
    this.#silences = 0
    this.isGone = false
    this.isOther = look.kind === 'other'
    this.runtime = look.kind === 'found' ? look.runtime : null
    this.busy = look.kind === 'found' ? look.busy : null
    this.trouble = this.#troubleOf(look)
  }

  #troubleOf(look: Exclude<ServerLook, { kind: 'away' }>): string | null {
    if (look.kind === 'found') return look.isLoading ? 'is loading its model' : null
    return this.provider === 'ollama' ? 'answers, but not as an Ollama does' : null
  }
}
