/** What is accepted and yet worth saying: secrets that stand in the file itself, and settings that cannot work as they are. */
import { findOpenBucket } from './check-blobs.ts'
import { schemaAt } from './json-schema.ts'
import type { ConfigPath, Finding } from './problems.ts'
import { providerPresets } from './provider-presets.ts'
import { findRoutingWarnings } from './routing-warnings.ts'
import type { Config } from './schema.ts'

/** Settings that the schema allows and that cannot do what they are probably meant to. */
export function findUnusable(config: Config): readonly Finding[] {
  const findings: Finding[] = []
  for (const [name, model] of Object.entries(config.models)) {
    for (const [index, deployment] of model.deployments.entries()) {
      const { needsKey, baseUrl } = providerPresets[deployment.provider]
      const isBare = deployment.api_key === undefined && deployment.headers === undefined
      if (!needsKey || !isBare || deployment.base_url !== baseUrl) continue
      const path = ['models', name, 'deployments', index, 'api_key']
      findings.push({ path, message: `is missing; ${deployment.provider} refuses calls without a key` })
    }
  }
  findings.push(...findRoutingWarnings(config), ...findOpenBucket(config))
  if (Object.keys(config.tenants).length === 0) {
    const message = 'there are none, so nobody can send jobs; only a file for dispatchers goes without'
    findings.push({ path: ['tenants'], message })
  }
  return findings
}

/** Whether a value is a secret that stands in the file in plain text. */
export function isPlainSecret(path: ConfigPath, value: unknown): value is string {
  if (typeof value !== 'string' || !isSecretPath(path)) return false
  // Most further headers and Redis URLs are no secrets: a title, a version, a host.
  if (path.includes('headers')) return /auth|key|token|secret|cookie/i.test(String(path.at(-1)))
  if (path[0] === 'redis') return (URL.parse(value)?.password ?? '') !== ''
  return true
}

export const plainSecretMessage = `stands in the file; write \${NAME} or \${file:/path} and keep the secret elsewhere`

/** Whether what stands at a path must never be shown. */
export function isSecretPath(path: ConfigPath): boolean {
  const schema = schemaAt(path)
  return schema?.writeOnly === true || schema?.anyOf?.some(({ writeOnly }) => writeOnly === true) === true
}
