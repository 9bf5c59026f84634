import type { ImportContext, ModelDraft } from './drafts.ts'
import { toModelName } from './read-models.ts'
import { isSourceMap } from './read-source.ts'
import type { Section } from './sections.ts'

/** `model_group_alias`: another name for a model is another model with the same upstreams here. */
export function readAliases(
  models: readonly ModelDraft[],
  router: Section | undefined,
  settings: Section | undefined,
  context: ImportContext,
): ModelDraft[] {
  const found: ModelDraft[] = []
  for (const section of [router?.section('model_group_alias'), settings?.section('model_group_alias')]) {
    for (const alias of section?.keys ?? []) {
      if (!section) continue
      const value = section.take(alias)
      const target = isSourceMap(value) ? value.model : value
      const model = models.find(({ name }) => typeof target === 'string' && name === toModelName(target))
      const name = toModelName(alias)
      if (!model)
        section.tell(
          'lost',
          alias,
          `there is no model ${typeof target === 'string' ? target : 'named'} that it could stand for`,
        )
      else if ([...models, ...found].some((each) => each.name === name))
        section.tell('lost', alias, 'is the name of a model already')
      else found.push(copy(model, name, section, alias, context))
      if (isSourceMap(value) && value.hidden === true)
        section.tell('lost', alias, 'no model is hidden', 'set tenants.<name>.models')
    }
  }
  return found
}

function copy(
  model: ModelDraft,
  name: string,
  section: Section,
  alias: string,
  { report, uniqueId }: ImportContext,
): ModelDraft {
  const deployments = model.deployments.map((each) => ({ ...each, id: uniqueId(`${name}-${each.provider}`) }))
  const limited = deployments.filter(({ settings }) => ['rpm', 'tpm', 'max_parallel'].some((key) => key in settings))
  if (limited.length > 0) {
    const why = `the limits of ${model.name} count apart for this name`
    report.add('changed', section.placeOf(alias), why, 'divide rpm, tpm and max_parallel between the two')
  }
  return {
    ...model,
    name,
    place: section.placeOf(alias),
    deployments,
    notes: [`The same as ${model.name}, under another name.`],
  }
}
