import { type Config, type ConfigInput, configSchema } from './schema.ts'

export interface DefaultConfigOptions {
  /** Where the sandbox listens. */
  readonly sandboxUrl: string
  /** Names of the models that a local Ollama serves, as it spells them. */
  readonly ollamaModels: readonly string[]
  /** Where that Ollama listens, if not at its usual place. */
  readonly ollamaUrl?: string
  readonly keys: {
    /** The key of the tenant `default`. */
    readonly apiKey: string
    /** `whsec_…`; signs the webhooks of the tenant `default`. */
    readonly webhookSecret: string
  }
  readonly server?: ConfigInput['server']
  readonly redisUrl?: string
  readonly dataDir?: string
}

/**
 * What `sluice up` runs with when it has no file: one tenant `default`, one on-premises pool `local`, the model
 * `sandbox`, and each model of a local Ollama under its own name. Webhooks may go to this machine, over http too, so
 * that they can be tried. Throws `ZodError` for a key or secret of a wrong form.
 */
export function defaultConfig(options: DefaultConfigOptions): Config {
  const { sandboxUrl, ollamaModels, ollamaUrl, keys, server, redisUrl, dataDir } = options
  const models: ConfigInput['models'] = {}
  for (const [index, name] of ollamaModels.entries()) {
    // Numbered, because the signs that Ollama allows in names and ids do not could make two names one id.
    const id = `ollama-${index + 1}-${name.replace(/[^a-zA-Z0-9._-]+/g, '-').slice(0, 80)}`
    const base = ollamaUrl === undefined ? {} : { base_url: ollamaUrl }
    models[name] = { deployments: [{ id, pool: 'local', provider: 'ollama', model: name, free: true, ...base }] }
  }
  // Last, so that the sandbox is there whatever an Ollama calls its models.
  models.sandbox = {
    deployments: [{ id: 'sandbox', pool: 'local', provider: 'sandbox', model: 'sandbox', base_url: sandboxUrl }],
  }
  return configSchema.parse({
    ...(server && { server }),
    ...(redisUrl !== undefined && { redis: { url: redisUrl } }),
    ...(dataDir !== undefined && { data_dir: dataDir }),
    pools: { local: { residency: 'onprem' } },
    models,
    tenants: { default: { keys: [keys.apiKey], webhook_secret: keys.webhookSecret } },
    webhooks: { allow_networks: ['127.0.0.0/8', '::1/128'], allow_http: true },
  } satisfies ConfigInput)
}
