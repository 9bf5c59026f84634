import type { NodeReport, NodeRuntime } from '../core/node.ts'
import { isCloudTag } from '../core/ollama-cloud.ts'
import { type FoundModel, isSameModel } from './server-look.ts'

export type DeploymentState = NodeReport['deployments'][number]

/** What is known of a deployment's server at the moment. */
export interface ServerFacts {
  readonly provider: string
  readonly runtime: NodeRuntime | null
  readonly trouble: string | null
  /** Nobody can be reached at its address, so a call would fail as well. */
  readonly isGone: boolean
  readonly isOther: boolean
}

const cloudReason = 'somebody’s cloud serves it: give it a pool whose residency is cloud'
const unknownReason = 'not known to be served here: public jobs only'

/**
 * Whether a node can call a deployment now, and where that would lead. Pure.
 *
 * `servesFrom` fails closed: an Ollama's model counts as being here only where the server lists it without a remote host,
 * or says that its cloud is switched off.
 */
export function judgeDeployment(
  deployment: { readonly id: string; readonly model: string },
  server: ServerFacts,
  suspicion: string | null,
): DeploymentState {
  const { runtime } = server
  const found = runtime?.models.find(({ name }) => isSameModel(deployment.model, name))
  const servesFrom = localityOf(deployment.model, server, found)
  const trouble = suspicion ?? (servesFrom === 'cloud' ? cloudReason : troubleOf(deployment.model, server, found))
  return {
    id: deployment.id,
    isReady: trouble === null,
    reason: trouble ?? (servesFrom === 'unknown' ? unknownReason : null),
    isLoaded: runtime === null || runtime.kind === 'mlx' ? null : (found?.isLoaded ?? false),
    servesFrom,
  }
}

function troubleOf(model: string, server: ServerFacts, found: FoundModel | undefined): string | null {
  const { runtime, provider, trouble } = server
  // One of an unknown kind need not answer questions: unless nobody is there, nothing but a failed call says how it is.
  if (runtime === null && (provider === 'openai-compatible' || provider === 'localai') && !server.isGone) return null
  if (trouble !== null) return `the server ${trouble}`
  const mustList = runtime?.kind === 'ollama' || runtime?.kind === 'vllm'
  return mustList && !found ? `the server has no model ${model}` : null
}

function localityOf(model: string, server: ServerFacts, found: FoundModel | undefined): DeploymentState['servesFrom'] {
  if (isCloudTag(model) || found?.isRemote) return 'cloud'
  const { provider, runtime, isOther } = server
  if (runtime?.kind === 'ollama') return found || runtime.cloud === 'off' ? 'here' : 'unknown'
  if (provider === 'ollama') return 'unknown'
  const maybeOllama = provider === 'openai-compatible' || provider === 'localai'
  return maybeOllama && !isOther ? 'unknown' : 'here'
}
