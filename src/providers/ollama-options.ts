import type { JsonObject } from '../core/json-object.ts'
import { isCloudTag } from '../core/ollama-cloud.ts'
import { ProviderError } from '../core/provider.ts'
import type { UpstreamOptions } from './upstream-options.ts'

export interface OllamaOptions extends UpstreamOptions {
  /** How long the model stays loaded after a call; -1 for ever; Ollama's own setting if unset. */
  readonly keepAliveMs?: number
  /** The context that the model is loaded with, in tokens. Ollama loads it again for another one, so it is one for all. */
  readonly contextTokens?: number
  /**
   * Refuses what Ollama hands on to somebody's cloud: by the model's name before a call, by `remote_host` and
   * `remote_model` in an answer before any of it is used.
   */
  readonly refuseRemote: boolean
}

/** Ollama reads a text as Go does, and -1 as for ever. */
export function keepAliveOf({ keepAliveMs }: OllamaOptions): string | number | undefined {
  if (keepAliveMs === undefined) return undefined
  return keepAliveMs === -1 ? -1 : `${keepAliveMs}ms`
}

/** @throws ProviderError `unsupported` where the name says that the model is served elsewhere, and that is refused. */
export function refuseRemoteModel({ model, refuseRemote }: OllamaOptions): void {
  if (refuseRemote && isCloudTag(model)) throw servedElsewhere()
}

/** @throws ProviderError `unsupported` where the answer says that somebody else has written it, and that is refused. */
export function refuseRemoteAnswer(answer: JsonObject | null, { refuseRemote }: OllamaOptions): void {
  if (refuseRemote && (answer?.remote_host || answer?.remote_model)) throw servedElsewhere()
}

function servedElsewhere(): ProviderError {
  return new ProviderError('unsupported', 'The model is served by a cloud, and the pool is on the premises')
}
