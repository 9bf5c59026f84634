import type { Provider, ProviderFailure } from '../core/provider.ts'
import { ProviderError } from '../core/provider.ts'
import { type DeploymentState, judgeDeployment } from './judge-deployment.ts'
import { isSameModel } from './server-look.ts'
import { Suspicion } from './suspicion.ts'
import type { WatchedServer } from './watched-server.ts'

/** What the configuration says of a deployment of the node's pool. */
export interface NodeDeployment {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly baseUrl: string | undefined
  /** Sent with every question to its server, such as the key. */
  readonly headers: Readonly<Record<string, string>>
  readonly perNode: boolean
  /** Calls at the same time, where the configuration says so. */
  readonly concurrency: number | undefined
}

const probeTimeoutMs = 120_000
/** Ends as soon as it has begun, in every dialect. */
const probeBody = JSON.stringify({ messages: [{ role: 'user', content: 'ping' }], max_tokens: 1 })
/** Failures of a probe that only a server says that works. */
const livingFailures: ReadonlySet<ProviderFailure> = new Set([
  'rate_limited',
  'invalid_request',
  'unsupported',
  'context_too_long',
  'content_policy',
])

/** A deployment whose server this node looks after. */
export class WatchedDeployment {
  readonly config: NodeDeployment
  readonly server: WatchedServer
  readonly suspicion = new Suspicion()
  /** Calls under way. */
  running = 0
  #provider: Provider | null = null

  constructor(config: NodeDeployment, server: WatchedServer) {
    this.config = config
    this.server = server
  }

  set provider(provider: Provider) {
    this.#provider = provider
  }

  get state(): DeploymentState {
    return judgeDeployment(this.config, this.server, this.suspicion.reason)
  }

  get isLoaded(): boolean {
    const models = this.server.runtime?.models ?? []
    return models.some(({ name, isLoaded }) => isLoaded && isSameModel(this.config.model, name))
  }

  /** A generation of one token: the only proof that a server lives. Resolves with whether it was given. */
  async probe(nowMs: () => number): Promise<boolean> {
    if (!this.#provider) return false
    try {
      await this.#provider.complete({ bodyJson: probeBody, headers: {}, signal: AbortSignal.timeout(probeTimeoutMs) })
    } catch (error) {
      if (!(error instanceof ProviderError && livingFailures.has(error.failure))) {
        this.suspicion.probeFailed(nowMs())
        return false
      }
    }
    this.suspicion.succeeded()
    return true
  }
}
