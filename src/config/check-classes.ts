/** Nobody's data is sent where its class may not go, and nobody's class leaves him without any deployment. */
import { isOnPremises } from './check-rules.ts'
import { entryOf, fallbackChain, type RoutingOutline } from './outline.ts'
import type { Finding } from './problems.ts'
import { type ProviderName, providerNames } from './provider-presets.ts'
import { leavesPremises } from './upstream-place.ts'

export function checkClasses(outline: RoutingOutline): Finding[] {
  return [...checkUpstreams(outline), ...checkFloors(outline)]
}

/** A cloud in an on-premises pool would be sent restricted jobs, and internal ones as they were written. */
function checkUpstreams(outline: RoutingOutline): Finding[] {
  const isInside = isOnPremises(outline)
  return Object.entries(outline.models).flatMap(([name, { deployments }]) =>
    deployments.flatMap((deployment, index) => {
      const { provider, model = '', base_url, pool } = deployment
      if (!isProvider(provider) || !isInside(deployment)) return []
      if (!leavesPremises({ provider, model, base_url })) return []
      const path = ['models', name, 'deployments', index, 'pool']
      const message = 'its upstream is a cloud, and on-premises is the pool'
      return [{ path, message, value: pool ?? '', advice: 'give it a pool with `residency: cloud`' }]
    }),
  )
}

function isProvider(name: string | undefined): name is ProviderName {
  return (providerNames as readonly (string | undefined)[]).includes(name)
}

/** A tenant whose every job is restricted needs an on-premises deployment at each model that is named for it. */
function checkFloors(outline: RoutingOutline): Finding[] {
  const { models, tenants } = outline
  const isServed = (model: string) =>
    fallbackChain(models, model).some(({ deployments }) => deployments.some(isOnPremises(outline)))
  const advice = 'they may only be served on-premises'
  return Object.entries(tenants).flatMap(([name, { models: wanted, sensitivity }]): Finding[] => {
    if (sensitivity.floor !== 'restricted') return []
    const unserved = wanted.flatMap((model, index): Finding[] => {
      if (model === undefined || entryOf(models, model) === undefined || isServed(model)) return []
      const message = 'every job of this tenant is restricted, and no deployment of this model may see one'
      return [{ path: ['tenants', name, 'models', index], message, value: model, advice }]
    })
    const mayAll = wanted.length === 0 || wanted.includes('*')
    if (!mayAll || Object.keys(models).length === 0 || Object.keys(models).some(isServed)) return unserved
    const message = 'no deployment of any model may see a restricted job'
    return [...unserved, { path: ['tenants', name, 'sensitivity', 'floor'], message, advice }]
  })
}
