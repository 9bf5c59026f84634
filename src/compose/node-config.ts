import type { Config, ConfigInput } from '../config/schema.ts'
import type { DeploymentConfig } from '../config/schema-models.ts'

/** A node's configuration in the words of `sluice.yaml`, and which of its deployments the broker calls with a key. */
export interface NodeConfig {
  readonly config: ConfigInput
  readonly keyed: string[]
}

/**
 * What a node without a configuration of its own works with. No key, password or header leaves the broker; of other
 * pools there is only what a job's way to them depends on: names and limits, no address.
 */
export function nodeConfigOf(config: Config, pool: string): NodeConfig {
  const models = Object.entries(config.models).map(([name, { deployments }]) => [
    name,
    { deployments: deployments.map((each) => (each.pool === pool ? ownDeployment(each) : limitsOf(each))) },
  ])
  const pools = Object.entries(config.pools).map(([name, { residency }]) => [name, { residency }])
  const own = Object.values(config.models).flatMap(({ deployments }) =>
    deployments.filter((each) => each.pool === pool),
  )
  return {
    config: {
      pools: Object.fromEntries(pools),
      models: Object.fromEntries(models),
      retry: {
        max_attempts: config.retry.max_attempts,
        base_delay: durationText(config.retry.base_delay),
        max_delay: durationText(config.retry.max_delay),
      },
      breaker: {
        failures: config.breaker.failures,
        window: durationText(config.breaker.window),
        open: durationText(config.breaker.open),
        max_open: durationText(config.breaker.max_open),
      },
      nodes: {
        heartbeat: durationText(config.nodes.heartbeat),
        look_ahead: config.nodes.look_ahead,
        max_wait: durationText(config.nodes.max_wait),
      },
      leases: { duration: durationText(config.leases.duration) },
    },
    keyed: own.filter(hasSecret).map(({ id }) => id),
  }
}

type DeploymentInput = NonNullable<ConfigInput['models']>[string]['deployments'][number]

function ownDeployment({
  api_key: _,
  headers: __,
  aws,
  keep_alive,
  timeouts,
  ...rest
}: DeploymentConfig): DeploymentInput {
  const { connect, first_byte, idle, total } = timeouts
  return withoutUndefined({
    ...rest,
    aws: aws && { region: aws.region },
    keep_alive: keep_alive === undefined || keep_alive === -1 ? keep_alive : durationText(keep_alive),
    timeouts: {
      connect: durationText(connect),
      first_byte: durationText(first_byte),
      idle: durationText(idle),
      total: durationText(total),
    },
  })
}

function limitsOf(deployment: DeploymentConfig): DeploymentInput {
  const { id, pool, provider, per_node, max_parallel, rpm, tpm } = deployment
  return withoutUndefined({ id, pool, provider, model: id, free: true, per_node, max_parallel, rpm, tpm })
}

function hasSecret({ api_key, headers, aws }: DeploymentConfig): boolean {
  return api_key !== undefined || headers !== undefined || aws?.secret_access_key !== undefined
}

function withoutUndefined(deployment: { readonly [Key in keyof DeploymentInput]: DeploymentInput[Key] | undefined }) {
  return Object.fromEntries(Object.entries(deployment).filter(([, value]) => value !== undefined)) as DeploymentInput
}

/** As the file spells durations: at most nine digits and a unit. */
function durationText(durationMs: number): string {
  return durationMs < 1e9 ? `${durationMs}ms` : `${Math.floor(durationMs / 1_000)}s`
}
