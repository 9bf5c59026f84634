import { isCloudTag } from '../../core/ollama-cloud.ts'
import type { Residency } from '../../core/vocabulary.ts'
import { type ProviderName, providerPresets } from '../provider-presets.ts'
import { readHeaders, readKey, readRegion } from './credentials.ts'
import { readPrice } from './deployment-price.ts'
import { type DeploymentDraft, type ImportContext, toDuration } from './drafts.ts'
import { environmentName } from './environment.ts'
import { knownInfo, knownParams } from './known-keys.ts'
import type { Section } from './sections.ts'
import { findUpstream, isInHouse } from './upstreams.ts'

export interface DeploymentInput {
  readonly group: string
  readonly item: Section
  readonly params: Section
  readonly info: Section | undefined
  readonly organization: string | undefined
  /** Seconds that hold where a deployment names none of its own. */
  readonly usual: { readonly timeout: number | undefined; readonly streamTimeout: number | undefined }
  readonly usualParallel: number | undefined
}

/** One entry of `model_list`; null where nothing here can call it, which is then in the report. */
export function readDeployment(input: DeploymentInput, context: ImportContext): DeploymentDraft | null {
  const { group, params, info } = input
  const mode = readMode(info)
  const name = params.text('model')
  const base = params.text('api_base') ?? params.text('base_url')
  if (mode === null) {
    return leaveOut(input, `${info?.text('mode')} is no kind of request that Sluice takes`, '', context)
  }
  if (name === undefined || environmentName(name) !== null) {
    return leaveOut(input, 'nothing says which model serves it', 'write the deployment by hand', context)
  }
  const found = findUpstream(name, params.text('custom_llm_provider'), base !== undefined)
  if ('problem' in found) {
    return leaveOut(
      input,
      found.problem,
      'write the deployment by hand, at an OpenAI-compatible gateway for example',
      context,
    )
  }
  if (found.model.includes('*')) {
    return leaveOut(input, `${found.model} stands for many models`, 'name each one that is used', context)
  }
  const provider = refine(found.provider, base)
  if (found.isGuess) {
    params.tell(
      'changed',
      'model',
      'has no provider of its own here; taken as OpenAI-compatible at its api_base',
      'check that it is',
    )
  }
  const url = readBaseUrl(provider, base, params, context)
  if (url === null)
    return leaveOut(input, 'its api_base is no http:// or https:// URL', 'correct it and import again', context)
  const residency = placeOf(provider, found.model, base, params)
  const wantedId = info?.text('id')
  const usualId = group.endsWith(`-${provider}`) ? group : `${group}-${provider}`
  const id = context.uniqueId(wantedId !== undefined && /^[a-zA-Z0-9]/.test(wantedId) ? wantedId : usualId)
  const { note, ...price } = readPrice(
    { id, provider, model: found.model, residency, baseModel: info?.text('base_model') ?? params.text('base_model') },
    { params, info },
    context,
  )
  const settings = {
    model: found.model,
    ...(url !== undefined && { base_url: url }),
    ...readKey(provider, id, { params, isInHouse: residency === 'onprem' }, context),
    ...(provider === 'azure' && readVersion(params, context)),
    ...(provider === 'bedrock' && readRegion(params, context)),
    ...readLimits(input),
    ...price,
    ...readCapacity(provider, input, mode),
    ...readHeaders(id, { params, organization: input.organization }, context),
    ...readTimeouts(input),
  }
  const draft = {
    id,
    place: params.place,
    provider,
    residency,
    settings,
    order: params.number('order') ?? null,
    weight: params.number('weight') ?? null,
    rpm: params.number('rpm') ?? null,
    tpm: params.number('tpm') ?? null,
    mode,
    notes: note === undefined ? [] : [note],
  }
  // Budgets are read when all models are known.
  for (const key of ['max_budget', 'budget_duration']) params.take(key)
  params.reportRest(knownParams)
  info?.reportRest(knownInfo)
  return draft
}

/** Tells of a deployment that is not carried over, with all that it has. */
function leaveOut({ group, item }: DeploymentInput, why: string, advice: string, { report }: ImportContext): null {
  report.add('lost', item.place, `a deployment of ${group} is left out: ${why}`, advice)
  return null
}

function readMode(info: Section | undefined): 'chat' | 'embedding' | null {
  const mode = info?.text('mode') ?? 'chat'
  if (mode === 'chat' || mode === 'completion' || mode === 'responses') return 'chat'
  if (mode === 'embedding') return 'embedding'
  return null
}

/** An `openai/` model at somebody else's address is that server's, with its own prices. */
function refine(provider: ProviderName, base: string | undefined): ProviderName {
  if (provider !== 'openai' || base === undefined) return provider
  return /^https:\/\/api\.openai\.com(?:\/|$)/.test(base) ? 'openai' : 'openai-compatible'
}

function readBaseUrl(
  provider: ProviderName,
  base: string | undefined,
  params: Section,
  { environment }: ImportContext,
): string | null | undefined {
  const purpose = 'base URL'
  if (base === undefined) {
    return provider === 'azure' ? environment.refer('AZURE_API_BASE', 'url', 'URL of the Azure resource') : undefined
  }
  if (environmentName(base) !== null) return environment.convert(base, 'url', purpose)
  const url = URL.parse(base)
  if (!url || !/^https?:$/.test(url.protocol)) {
    return null
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    params.tell(
      'changed',
      'api_base',
      'has a user, a query or a fragment, which is left out',
      'put keys into api_key or headers',
    )
  }
  const path = url.pathname
    .replace(/\/{1,10}$/, '')
    .replace(/\/(?:chat\/completions|embeddings|api\/(?:chat|generate))$/, '')
  // Anthropic's and Gemini's URLs include the version here, LiteLLM adds it.
  const version = provider === 'anthropic' ? '/v1' : provider === 'gemini' ? '/v1beta' : ''
  return `${url.origin}${path}${version !== '' && !path.endsWith(version) ? version : ''}`
}

/** Inside the house only where there is no doubt: what runs there may be sent restricted jobs, unmasked. */
function placeOf(provider: ProviderName, model: string, base: string | undefined, params: Section): Residency {
  if (provider === 'azure' || provider === 'bedrock') return 'cloud'
  if (provider === 'ollama' && isCloudTag(model)) return 'cloud'
  if (base !== undefined && environmentName(base) !== null) {
    const why = 'comes from the environment, so nobody can tell where it is; taken as a cloud'
    params.tell('changed', 'api_base', why, 'if it is yours, move the deployment to the pool `local`')
    return 'cloud'
  }
  const url = base ?? providerPresets[provider].baseUrl
  if (url === null || !isInHouse(url)) return 'cloud'
  if (provider === 'litellm') {
    params.tell(
      'changed',
      'model',
      'is a gateway, wherever it stands: what it is sent may leave the house; taken as a cloud',
    )
    return 'cloud'
  }
  if (base !== undefined) {
    const why = 'is a private address: in the pool `local`, which may be sent restricted jobs, unmasked'
    params.tell(
      'changed',
      'api_base',
      why,
      'if what answers there hands on to a cloud, give the deployment the pool `cloud`',
    )
  }
  return 'onprem'
}

function readVersion(params: Section, { environment }: ImportContext): { api_version?: string } {
  const version = params.text('api_version')
  if (version === undefined)
    return { api_version: environment.refer('AZURE_API_VERSION', 'text', 'version of Azure’s API') }
  return { api_version: environment.convert(version, 'text', 'version of Azure’s API') }
}

function readLimits({ params, usualParallel }: DeploymentInput): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const [key, name] of [
    ['rpm', 'rpm'],
    ['tpm', 'tpm'],
    ['max_parallel_requests', 'max_parallel'],
  ] as const) {
    const value = params.number(key) ?? (name === 'max_parallel' ? usualParallel : undefined)
    if (value === undefined) continue
    if (value >= 1) limits[name] = Math.floor(value)
    else
      params.tell('lost', key, 'a limit below 1 lets nothing through', 'leave the deployment out, or give it a limit')
  }
  return limits
}

function readCapacity(
  provider: ProviderName,
  { params, info }: DeploymentInput,
  mode: DeploymentDraft['mode'],
): Record<string, unknown> {
  const tokens = (section: Section | undefined, key: string) => {
    const value = section?.number(key)
    return value !== undefined && value >= 1 && value <= 10_000_000 ? Math.floor(value) : undefined
  }
  const context = tokens(info, 'max_input_tokens')
  const output = tokens(info, 'max_output_tokens') ?? tokens(info, 'max_tokens')
  const numCtx = provider === 'ollama' ? tokens(params, 'num_ctx') : undefined
  const keepAlive = provider === 'ollama' ? readKeepAlive(params) : undefined
  return {
    ...(context !== undefined && { context_tokens: context }),
    ...(output !== undefined && { max_output_tokens: output }),
    ...(numCtx !== undefined && { num_ctx: numCtx }),
    ...(keepAlive !== undefined && { keep_alive: keepAlive }),
    ...(mode === 'embedding' && { capabilities: ['embeddings'] }),
  }
}

function readKeepAlive(params: Section): string | number | undefined {
  const text = params.text('keep_alive')
  if (text === undefined) return undefined
  if (text.startsWith('-')) return -1
  if (/^\d{1,9}(?:ms|s|m|h|d)$/.test(text)) return text
  return toDuration(Number(text)) ?? undefined
}

function readTimeouts({ params, usual }: DeploymentInput): { timeouts?: Record<string, string> } {
  const whole = params.number('timeout') ?? params.number('request_timeout') ?? usual.timeout
  const stream = params.number('stream_timeout') ?? usual.streamTimeout
  const total = whole === undefined ? null : toDuration(whole)
  const idle = stream === undefined ? null : toDuration(stream)
  if (total === null && idle === null) return {}
  // A waiting call generates before its first byte, so that may take as long as the whole.
  return { timeouts: { ...(total !== null && { first_byte: total, total }), ...(idle !== null && { idle }) } }
}
