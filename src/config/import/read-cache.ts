import { type ImportContext, type ModelDraft, toDuration } from './drafts.ts'
import { environmentName } from './environment.ts'
import type { Known, Section } from './sections.ts'

const knownCache: Readonly<Record<string, Known>> = Object.fromEntries(
  (
    [
      ['namespace', ['native', 'keys have a prefix of their own']],
      ['max_connections', ['native', 'one connection does for all']],
      ['default_in_memory_ttl', ['lost', 'answers are kept in Redis only', 'see models.<name>.cache.ttl']],
      ['redis_startup_nodes', ['lost', 'Redis clusters are not supported', 'give cache.url a Redis of its own']],
      ['service_name', ['lost', 'Redis Sentinel is not supported', 'give cache.url the address of the primary']],
      ['sentinel_nodes', ['lost', 'Redis Sentinel is not supported', 'give cache.url the address of the primary']],
      ['ssl_cert_reqs', ['lost', 'certificates are always checked', 'see NODE_EXTRA_CA_CERTS']],
      ['ssl_check_hostname', ['lost', 'certificates are always checked', 'see NODE_EXTRA_CA_CERTS']],
      ['similarity_threshold', ['lost', 'only identical requests are answered from the cache']],
    ] satisfies [string, Known][]
  ).map(([key, known]) => [key, known]),
)

const usualTtl = '10m'

/** `cache` and `cache_params`: sets the models' `cache`, returns the section for the file. */
export function readCache(
  models: readonly ModelDraft[],
  settings: Section | undefined,
  context: ImportContext,
): { url?: string } | null {
  const isOn = settings?.flag('cache') === true
  const params = settings?.section('cache_params')
  if (!params) {
    if (isOn) giveTtl(models, usualTtl)
    return isOn ? {} : null
  }
  if (!isOn) {
    settings?.tell('native', 'cache_params', 'the cache is off, in LiteLLM too')
    return null
  }
  const type = params.text('type') ?? 'redis'
  if (type !== 'redis' && type !== 'local') {
    params.tell('lost', 'type', `there is no ${type} cache`, 'an exact one: models.<name>.cache')
    return null
  }
  if (params.text('mode') === 'default_off') {
    params.tell(
      'lost',
      'mode',
      'callers can’t ask for the cache one by one',
      'set cache at the models that shall have it',
    )
    return null
  }
  const seconds = params.number('ttl') ?? params.number('default_in_redis_ttl')
  const ttl = seconds === undefined ? null : toDuration(Math.max(1, seconds))
  if (ttl === null)
    params.tell(
      'changed',
      'type',
      `the file names no ttl; answers are given again for ${usualTtl}`,
      'set models.<name>.cache.ttl',
    )
  giveTtl(cachedModels(models, params), ttl ?? usualTtl)
  if (settings)
    settings.tell('changed', 'cache', 'answers are kept for each tenant apart, and restricted ones on-premises only')
  const url = type === 'redis' ? readUrl(params, context) : undefined
  if (type === 'local') params.tell('changed', 'type', 'answers are kept in Redis, that of the queues')
  params.reportRest(knownCache)
  return url === undefined ? {} : { url }
}

/** Those whose kind of call is cached. */
function cachedModels(models: readonly ModelDraft[], params: Section): readonly ModelDraft[] {
  if (!params.has('supported_call_types')) return models
  const types = params.texts('supported_call_types')
  const hasChat = types.some((type) => /^a?completion$/.test(type))
  const hasEmbeddings = types.some((type) => /^a?embedding$/.test(type))
  return models.filter(({ deployments }) => (deployments[0]?.mode === 'embedding' ? hasEmbeddings : hasChat))
}

function giveTtl(models: readonly ModelDraft[], ttl: string): void {
  for (const model of models) model.cache = { ttl }
}

function readUrl(params: Section, { environment }: ImportContext): string | undefined {
  const purpose = 'Redis for cached answers'
  const url = params.text('url')
  const [host, port, password, user] = ['host', 'port', 'password', 'username'].map((key) => params.text(key))
  const isTls = params.flag('ssl') === true
  if (url !== undefined) {
    if (environmentName(url) !== null) return environment.convert(url, 'redis', purpose)
    const parsed = URL.parse(url)
    if (parsed && /^rediss?:$/.test(parsed.protocol) && parsed.hostname !== '' && parsed.password === '') return url
    params.tell(
      'needed',
      'url',
      'holds a password, which is not copied, or is no URL of a Redis',
      'put it into CACHE_REDIS_URL',
    )
    return environment.refer('CACHE_REDIS_URL', 'redis', purpose)
  }
  if (host === undefined) {
    params.tell('changed', 'type', 'no host is named; answers are kept in the Redis of the queues', 'set cache.url')
    return undefined
  }
  const isUsable = (value: string, pattern: RegExp) => environmentName(value) !== null || pattern.test(value)
  if (!isUsable(host, /^[\w.-]{1,255}$/) || !isUsable(port ?? '', /^\d{0,5}$/)) {
    params.tell('needed', 'host', 'host and port make no address', 'put the whole URL into CACHE_REDIS_URL')
    return environment.refer('CACHE_REDIS_URL', 'redis', purpose)
  }
  const where = environment.convert(host, 'host', purpose)
  const at = port === undefined || port === '' ? '6379' : environment.convert(port, 'port', purpose)
  const whose = user === undefined ? '' : environment.convert(user, 'text', purpose)
  let secret = ''
  if (password !== undefined && password !== '') {
    const name = environmentName(password) ?? 'CACHE_REDIS_PASSWORD'
    if (environmentName(password) === null)
      params.tell('needed', 'password', 'stands in the file; secrets are not copied', `put it into ${name}`)
    secret = `${whose}:${environment.refer(name, 'secret', purpose)}@`
  }
  return `${isTls ? 'rediss' : 'redis'}://${secret}${where}:${at}`
}
