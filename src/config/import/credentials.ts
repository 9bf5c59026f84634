import { type ProviderName, providerPresets } from '../provider-presets.ts'
import type { ImportContext } from './drafts.ts'
import { environmentName, toVariableName } from './environment.ts'
import type { Section } from './sections.ts'
import { usualKeyVariable } from './upstreams.ts'

/** What people write where a server of their own wants no key. */
const dummyKey =
  /^(?:none|null|na|n\/a|empty|fake(?:[-_]?key)?|dummy(?:[-_]?key)?|not[-_]?needed|anything|ollama|lm-studio|x{1,20}|sk-(?:fake|dummy|none|not-needed|no-key-required|1234))$/i

/** A key is referred to or asked for, never copied. */
export function readKey(
  provider: ProviderName,
  id: string,
  { params, isInHouse }: { params: Section; isInHouse: boolean },
  { environment }: ImportContext,
): { api_key?: string } {
  const key = params.text('api_key')
  const name = environmentName(key)
  const purpose = `key of ${id}`
  if (name !== null) return { api_key: environment.refer(name, 'secret', purpose) }
  if (key !== undefined && key !== '' && !dummyKey.test(key)) {
    const variable = `${toVariableName(id.toUpperCase())}_API_KEY`
    params.tell(
      'needed',
      'api_key',
      'stands in the file; secrets are not copied',
      `put it into ${toVariableName(variable)}`,
    )
    return { api_key: environment.refer(variable, 'secret', purpose) }
  }
  const usual = usualKeyVariable[provider]
  if (isInHouse || provider === 'bedrock' || usual === undefined || !providerPresets[provider].needsKey) return {}
  return { api_key: environment.refer(usual, 'secret', purpose) }
}

/** Where and as whom Bedrock is called. */
export function readRegion(params: Section, { environment }: ImportContext): { aws: Record<string, string> } {
  const read = (key: string, variable: string, kind: 'secret' | 'region') => {
    const value = params.text(key)
    if (value === undefined) return environment.refer(variable, kind, 'access to AWS')
    if (kind === 'region' || environmentName(value) !== null) return environment.convert(value, kind, 'access to AWS')
    params.tell('needed', key, 'stands in the file; secrets are not copied', `put it into ${variable}`)
    return environment.refer(variable, kind, 'access to AWS')
  }
  const token = params.text('aws_session_token')
  return {
    aws: {
      region: read('aws_region_name', 'AWS_REGION_NAME', 'region'),
      access_key_id: read('aws_access_key_id', 'AWS_ACCESS_KEY_ID', 'secret'),
      secret_access_key: read('aws_secret_access_key', 'AWS_SECRET_ACCESS_KEY', 'secret'),
      ...(token !== undefined && { session_token: read('aws_session_token', 'AWS_SESSION_TOKEN', 'secret') }),
    },
  }
}

/** Further headers; those whose names sound like secrets come from the environment. */
export function readHeaders(
  id: string,
  { params, organization }: { params: Section; organization: string | undefined },
  { environment }: ImportContext,
): { headers?: Record<string, string> } {
  const headers: Record<string, string> = {}
  if (organization !== undefined)
    headers['OpenAI-Organization'] = environment.convert(organization, 'text', `organization of ${id}`)
  for (const key of ['extra_headers', 'headers']) {
    const section = params.section(key)
    for (const name of section?.keys ?? []) {
      const value = section?.text(name)
      if (section === undefined || value === undefined) continue
      if (!/^[a-zA-Z0-9!#%&'*+.^_`|~-]{1,100}$/.test(name)) {
        section.tell('lost', name, 'is no name of a header')
      } else if (environmentName(value) === null && /auth|key|token|secret|cookie/i.test(name)) {
        const variable = toVariableName(`${id}_${name}`.toUpperCase())
        section.tell('needed', name, 'may be a secret; it is not copied', `put it into ${variable}`)
        headers[name] = environment.refer(variable, 'secret', `header ${name} of ${id}`)
      } else {
        headers[name] = environment.convert(value, 'text', `header ${name} of ${id}`)
      }
    }
  }
  return Object.keys(headers).length === 0 ? {} : { headers }
}
