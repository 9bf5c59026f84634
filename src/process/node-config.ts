import { type Config, type ConfigInput, configSchema } from '../config/schema.ts'
import { StartError } from './environment.ts'

/** The id in capitals at the end, with `_` for all but letters and digits. */
export function keyVariableOf(deployment: string): string {
  return `SLUICE_DEPLOYMENT_KEY_${deployment.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
}

/**
 * The configuration that a broker offers to its node, with the providers' keys of this machine's environment: the
 * broker's own stay with it. @throws StartError where one is missing, or the offer is of another release.
 */
export function completeConfig(
  offered: { readonly config: ConfigInput; readonly keyed: readonly string[] },
  env: NodeJS.ProcessEnv,
): Config {
  const missing = offered.keyed.filter((id) => !env[keyVariableOf(id)])
  if (missing.length > 0) {
    const names = missing.map((id) => `${keyVariableOf(id)} (${id})`).join(', ')
    throw new StartError(
      `The broker keeps its keys of providers to itself. Set ${names}, or start this node with a --config of its own.`,
    )
  }
  const keyed = new Set(offered.keyed)
  const models = Object.entries(offered.config.models ?? {}).map(([name, model]) => [
    name,
    {
      ...model,
      deployments: model.deployments.map((each) =>
        keyed.has(each.id) ? { ...each, api_key: env[keyVariableOf(each.id)] } : each,
      ),
    },
  ])
  const { data } = configSchema.safeParse({ ...offered.config, models: Object.fromEntries(models) })
  if (data) return data
  throw new StartError('The configuration that the broker offers is of another release: run the same on both.')
}
