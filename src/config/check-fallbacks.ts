/** Fallbacks lead to models that there are, and never round in a circle, whatever the kinds along the way. */
import { entryOf, fallbackKinds, type RoutingOutline } from './outline.ts'
import type { Finding } from './problems.ts'
import { describeAllowed } from './suggestion.ts'

type Models = RoutingOutline['models']

export function checkFallbacks({ models }: RoutingOutline): Finding[] {
  const names = Object.keys(models)
  return Object.entries(models).flatMap(([name, model]) =>
    fallbackKinds.flatMap((kind) =>
      model[kind].flatMap((fallback, index) => {
        const path = ['models', name, kind, index]
        if (fallback === undefined) return []
        if (!names.includes(fallback)) {
          return [{ path, message: 'unknown model', value: fallback, advice: describeAllowed(fallback, names) }]
        }
        const way = findWay(models, fallback, name)
        return way === undefined ? [] : [{ path, message: `goes in a circle: ${[name, ...way].join(' → ')}` }]
      }),
    ),
  )
}

/** The names from one model to another along fallbacks, both included; undefined if there is no way. */
function findWay(models: Models, from: string, to: string): readonly string[] | undefined {
  const ways: (readonly string[])[] = [[from]]
  const seen = new Set([from])
  for (const way of ways) {
    const last = way.at(-1) ?? from
    if (last === to) return way
    for (const name of fallbacksOf(models, last)) {
      if (!seen.has(name)) ways.push([...way, name])
      seen.add(name)
    }
  }
  return undefined
}

function fallbacksOf(models: Models, name: string): string[] {
  const model = entryOf(models, name)
  return model ? fallbackKinds.flatMap((kind) => model[kind]).filter((each) => each !== undefined) : []
}
