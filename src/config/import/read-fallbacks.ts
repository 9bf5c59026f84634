import type { ImportContext, ModelDraft } from './drafts.ts'
import { toModelName } from './read-models.ts'
import { isSourceList, isSourceMap, type SourceValue } from './read-source.ts'
import type { Place } from './report.ts'
import type { Section } from './sections.ts'

const kinds = [
  ['fallbacks', 'fallbacks'],
  ['context_window_fallbacks', 'contextWindowFallbacks'],
  ['content_policy_fallbacks', 'contentPolicyFallbacks'],
] as const
type Kind = (typeof kinds)[number][1]

interface Wish {
  readonly from: string
  readonly to: readonly string[]
  readonly place: Place
}

/**
 * The fallbacks of all three kinds. `router_settings` goes before `litellm_settings`, model by model; `default_fallbacks`
 * and `"*"` are for models that have none of their own. LiteLLM stops a circle by counting; here it would be refused, so
 * what closes one is left out.
 */
export function readFallbacks(
  models: readonly ModelDraft[],
  sections: { settings: Section | undefined; router: Section | undefined },
  context: ImportContext,
): void {
  const byName = new Map(models.map((model) => [model.name, model]))
  const resolve = createResolver(models, context)
  for (const [key, kind] of kinds) {
    const wishes = new Map<string, Wish>()
    for (const section of [sections.settings, sections.router]) {
      if (!section) continue
      for (const wish of readWishes(section, key, context)) wishes.set(wish.from, wish)
    }
    for (const [from, wish] of wishes) {
      if (from === '*') continue
      const model = byName.get(toModelName(from))
      if (model) connect(model, kind, resolve(wish), wish.place, byName, context)
      else context.report.add('lost', wish.place, `there is no model ${from} whose fallbacks these could be`)
    }
    const rest = wishes.get('*')
    if (rest) connectRest(models, kind, resolve(rest), rest.place, byName, context)
  }
  for (const section of [sections.router, sections.settings]) {
    const names = section?.texts('default_fallbacks') ?? []
    if (!section || names.length === 0) continue
    const wish = { from: '*', to: names, place: section.placeOf('default_fallbacks') }
    connectRest(models, 'fallbacks', resolve(wish), wish.place, byName, context)
  }
}

/** `[{a: [b]}]`; also `{a: [b]}`, `{a: b}`, and either of them as a text of JSON. */
function readWishes(section: Section, key: string, { report }: ImportContext): Wish[] {
  const value = section.take(key)
  if (value === undefined) return []
  const place = section.placeOf(key)
  const parsed = typeof value === 'string' ? parseJson(value) : value
  if (!isSourceList(parsed) && !isSourceMap(parsed)) {
    report.add('lost', place, 'is no list of models and their fallbacks', 'set fallbacks by hand')
    return []
  }
  return (isSourceList(parsed) ? parsed : [parsed]).flatMap((entry, index) => {
    const at = isSourceList(parsed) ? { ...place, path: [...place.path, index] } : place
    if (!isSourceMap(entry)) {
      report.add('lost', at, 'is no model with its fallbacks', 'set fallbacks by hand')
      return []
    }
    return Object.entries(entry).map(([from, to]) => {
      for (const item of isSourceList(to) ? to : [to]) {
        const isName = typeof item === 'string' || (isSourceMap(item) && Object.keys(item).join() === 'model')
        if (!isName)
          report.add('lost', at, `a fallback of ${from} is more than the name of a model`, 'only the name counts')
      }
      return { from, to: namesOf(to), place: at }
    })
  })
}

function namesOf(value: SourceValue): string[] {
  const items = isSourceList(value) ? value : [value]
  return items.flatMap((item) => {
    if (typeof item === 'string') return [item]
    return isSourceMap(item) && typeof item.model === 'string' ? [item.model] : []
  })
}

function parseJson(text: string): SourceValue {
  try {
    // Python's quotes, where nothing else in the text could be meant by them.
    return JSON.parse(text.includes('"') ? text : text.replaceAll("'", '"')) as SourceValue
  } catch {
    return null
  }
}

/** A fallback names a model, or one of its deployments by id. */
function createResolver(models: readonly ModelDraft[], { report }: ImportContext): (wish: Wish) => ModelDraft[] {
  const byName = new Map(models.map((model) => [model.name, model]))
  const byId = new Map(models.flatMap((model) => model.deployments.map(({ id }) => [id, model] as const)))
  return ({ to, place }) =>
    to.flatMap((name) => {
      const model = byName.get(toModelName(name))
      if (model) return [model]
      const owner = byId.get(name)
      if (owner?.deployments.length === 1) return [owner]
      const why = owner ? `${name} is one of several deployments of ${owner.name}` : `there is no model ${name}`
      report.add('lost', place, why, owner ? 'make it a model of its own' : 'add the model, then the fallback')
      return []
    })
}

function connectRest(
  models: readonly ModelDraft[],
  kind: Kind,
  targets: readonly ModelDraft[],
  place: Place,
  byName: ReadonlyMap<string, ModelDraft>,
  context: ImportContext,
): void {
  for (const model of models) {
    // What the others fall back on has nothing to fall back on itself; that is no loss to tell of.
    if (model[kind].length > 0 || targets.includes(model)) continue
    connect(model, kind, targets, place, byName, context)
  }
}

function connect(
  model: ModelDraft,
  kind: Kind,
  targets: readonly ModelDraft[],
  place: Place,
  byName: ReadonlyMap<string, ModelDraft>,
  { report }: ImportContext,
): void {
  for (const target of targets) {
    if (model[kind].includes(target.name)) continue
    if (target === model || reaches(target, model, byName)) {
      const why = `${model.name} → ${target.name} closes a circle, which LiteLLM stops by max_fallbacks`
      report.add('lost', place, why, 'decide which of the two is the fallback of the other')
    } else {
      model[kind].push(target.name)
    }
  }
}

function reaches(from: ModelDraft, to: ModelDraft, byName: ReadonlyMap<string, ModelDraft>): boolean {
  const seen = new Set([from])
  for (const model of seen) {
    if (model === to) return true
    for (const [, kind] of kinds) {
      for (const name of model[kind]) {
        const next = byName.get(name)
        if (next) seen.add(next)
      }
    }
  }
  return false
}
