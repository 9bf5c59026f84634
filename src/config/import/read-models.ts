import type { DeploymentDraft, ImportContext, ModelDraft } from './drafts.ts'
import { environmentName } from './environment.ts'
import { knownParams } from './known-keys.ts'
import { Layers } from './layers.ts'
import { readDeployment } from './read-deployment.ts'
import { isSourceList } from './read-source.ts'
import type { Section } from './sections.ts'

export interface ModelSources {
  readonly items: readonly Section[]
  readonly credentials: ReadonlyMap<string, Section>
  /** `default_litellm_params`. */
  readonly defaults: Section | undefined
  readonly usual: { readonly timeout: number | undefined; readonly streamTimeout: number | undefined }
  readonly usualParallel: number | undefined
}

/** The models of `model_list`: what has the same `model_name` is one, in the order of the file. */
export function readModels(sources: ModelSources, context: ImportContext): ModelDraft[] {
  const groups = new Map<string, { place: Section; deployments: DeploymentDraft[]; notes: string[] }>()
  for (const item of sources.items) {
    const wanted = item.text('model_name')
    const params = item.section('litellm_params')
    const info = item.section('model_info')
    if (wanted === undefined || params === undefined) {
      context.report.add('lost', item.place, 'a model needs model_name and litellm_params')
      continue
    }
    if (wanted.includes('*')) {
      const why = `${wanted} stands for any number of models, which have no names here`
      context.report.add('lost', item.place, why, 'name each model that is used')
      continue
    }
    const name = toModelName(wanted)
    if (name !== wanted) item.tell('changed', 'model_name', `${wanted} is no name of a model; it is called ${name}`)
    const group = groups.get(name) ?? { place: item, deployments: [], notes: [] }
    groups.set(name, group)
    const layers = layer(params, item, sources)
    for (const organization of organizationsOf(layers)) {
      const input = { ...sources, group: name, item, params: layers, info, organization }
      const deployment = readDeployment(input, context)
      if (deployment) group.deployments.push(deployment)
    }
    item.reportRest()
  }
  sources.defaults?.reportRest(knownParams)
  for (const credential of sources.credentials.values()) credential.reportRest(knownParams)
  return [...groups].flatMap(([name, { place, deployments, notes }]) => {
    if (deployments.length === 0) {
      place.tell('lost', 'model_name', `nothing is left that could serve ${name}; the model is left out`)
      return []
    }
    const empty = { fallbacks: [], contextWindowFallbacks: [], contentPolicyFallbacks: [] }
    return [{ name, place: place.placeOf('model_name'), deployments, notes, ...empty }]
  })
}

/** What a deployment says itself goes before its credential, and that before the defaults of the router. */
function layer(params: Section, item: Section, { credentials, defaults }: ModelSources): Section {
  const name = params.text('litellm_credential_name')
  const credential = name === undefined ? undefined : credentials.get(name)
  if (name !== undefined && !credential) {
    const place = 'litellm_credential_name'
    params.tell('lost', place, `there is no credential ${name} in the file`, 'set api_key and base_url by hand')
  }
  const further = [credential, defaults].flatMap((each) => each ?? [])
  return further.length === 0 ? params : new Layers(params, further, item)
}

/** Several organisations are several deployments. */
function organizationsOf(params: Section): (string | undefined)[] {
  const value = params.take('organization')
  if (isSourceList(value)) {
    const names = value.flatMap((each) => (typeof each === 'string' ? [each] : []))
    return names.length === 0 ? [undefined] : names
  }
  return [typeof value === 'string' ? value : undefined]
}

export function toModelName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_.:/@+-]{1,200}/g, '-').slice(0, 200)
  return /^[a-zA-Z0-9_]/.test(clean) ? clean : `m${clean}`
}

/** The credentials of the file, by name. */
export function readCredentials(root: Section): Map<string, Section> {
  const found = new Map<string, Section>()
  for (const entry of root.sections('credential_list')) {
    const name = entry.text('credential_name')
    const values = entry.section('credential_values')
    if (entry.take('credential_info') !== undefined) entry.tell('native', 'credential_info', 'is a description')
    entry.reportRest()
    if (name !== undefined && environmentName(name) === null && values) found.set(name, values)
  }
  return found
}
