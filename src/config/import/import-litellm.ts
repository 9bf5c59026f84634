import { checkText } from '../load.ts'
import { ConfigError, type ConfigProblem } from '../problems.ts'
import { createIds, type ImportContext } from './drafts.ts'
import { Environment, type Variable } from './environment.ts'
import { knownGeneral, knownRouter, knownSettings, knownTop } from './known-keys.ts'
import { type ReadInclude, readWithIncludes } from './merge-includes.ts'
import { readAliases } from './read-aliases.ts'
import { readBudgets } from './read-budgets.ts'
import { readCache } from './read-cache.ts'
import { readFallbacks } from './read-fallbacks.ts'
import { readGuardrails } from './read-guardrails.ts'
import { readCredentials, readModels } from './read-models.ts'
import { readReliability, sayer } from './read-retry.ts'
import { Report, type ReportEntry } from './report.ts'
import { Section } from './sections.ts'
import { readStrategy, shareLoad } from './share-load.ts'
import { type ConfigDraft, writeConfig } from './write-config.ts'

export interface Imported {
  /** The text of `sluice.yaml`; empty where there is nothing to write. */
  readonly yaml: string
  readonly report: readonly ReportEntry[]
  /** What must be set for the result to start. */
  readonly variables: readonly Variable[]
  /** What `sluice config check` would say with all variables set; none unless the importer is wrong. */
  readonly problems: readonly ConfigProblem[]
}

/**
 * Makes a configuration of a LiteLLM proxy's. Pure but for `readInclude`: every key of the file is carried over, or is in
 * the report with the reason.
 * @throws ConfigError when the file is no YAML
 */
export async function importLiteLlm(source: {
  file: string
  text: string
  readInclude: ReadInclude
}): Promise<Imported> {
  const { file, text, readInclude } = source
  const report = new Report()
  const environment = new Environment()
  const context: ImportContext = { report, environment, uniqueId: createIds() }
  const tree = await readWithIncludes(file, text, readInclude, report)
  const root = new Section(tree.root, { file, path: [] }, tree, report)
  const draft = readConfig(file, root, context)
  report.add(
    'needed',
    { file, path: [] },
    'the tenant `default` needs an API key',
    'set SLUICE_API_KEY, or make tenants',
  )
  if (draft.models.length === 0) {
    report.add(
      'lost',
      { file, path: ['model_list'] },
      'no model could be carried over',
      'see above; there is nothing to write',
    )
    return { yaml: '', report: report.entries, variables: [], problems: [] }
  }
  const yaml = writeConfig(draft)
  return {
    yaml,
    report: report.entries,
    variables: environment.variables,
    problems: await findProblems(yaml, environment),
  }
}

function readConfig(file: string, root: Section, context: ImportContext): ConfigDraft {
  const settings = root.section('litellm_settings')
  const router = root.section('router_settings')
  const general = root.section('general_settings')
  root.take('include')
  readVariables(root)
  const items = root.sections('model_list')
  const own = readModels(
    {
      items,
      credentials: readCredentials(root),
      defaults: router?.section('default_litellm_params'),
      usual: {
        timeout: readTimeout(router, settings),
        streamTimeout: sayer('stream_timeout', router, settings)?.number('stream_timeout'),
      },
      usualParallel: router?.number('default_max_parallel_requests'),
    },
    context,
  )
  const { strategy, isShuffle } = readStrategy(router)
  for (const model of own) shareLoad(model, isShuffle, context)
  readFallbacks(own, { settings, router }, context)
  const models = [...own, ...readAliases(own, router, settings, context)]
  const draft = {
    from: file.split(/[\\/]/).at(-1) ?? file,
    models,
    strategy,
    tenantKey: context.environment.refer('SLUICE_API_KEY', 'secret', 'key of the tenant default'),
    reliability: readReliability(models, router, settings),
    cache: readCache(models, settings, context),
    auditor: readGuardrails(root, context),
    budgets: readBudgets(own, items, settings, router),
    ...readGeneral(general),
  }
  tellOfCallbacks(settings)
  router?.reportRest(knownRouter)
  settings?.reportRest(knownSettings)
  general?.reportRest(knownGeneral)
  root.reportRest(knownTop)
  return draft
}

/** In seconds. The router's goes before the request's, which LiteLLM sets to 6,000. */
function readTimeout(router: Section | undefined, settings: Section | undefined): number | undefined {
  const own = router?.number('timeout')
  const general = settings?.number('request_timeout') ?? settings?.number('timeout')
  return own ?? general
}

function readVariables(root: Section): void {
  const variables = root.section('environment_variables')
  if (!variables || variables.keys.length === 0) return
  for (const name of variables.keys) variables.take(name)
  const why = `sets ${variables.keys.join(', ')}; a configuration sets no variables, and secrets are not copied`
  root.tell('needed', 'environment_variables', why, 'set those that the result reads where Sluice is started')
}

/** What callbacks of these names do is done without any. */
const nativeCallbacks: ReadonlySet<string> = new Set(['prometheus', 'otel', 'opentelemetry', 'prometheus_system'])

function tellOfCallbacks(settings: Section | undefined): void {
  for (const key of ['success_callback', 'failure_callback', 'callbacks', 'service_callbacks']) {
    if (!settings?.has(key)) continue
    const others = settings.texts(key).filter((name) => !nativeCallbacks.has(name))
    if (others.length === 0) settings.tell('native', key, 'metrics and traces are there without callbacks')
    else
      settings.tell(
        'lost',
        key,
        `there are no callbacks: ${others.join(', ')}`,
        'use OpenTelemetry, /metrics, the ledger and webhooks',
      )
  }
}

function readGeneral(general: Section | undefined): Pick<ConfigDraft, 'concurrency' | 'maxBodyMb'> {
  const limit = general?.number('global_max_parallel_requests')
  const size = general?.number('max_request_size_mb')
  if (general?.take('master_key') !== undefined) {
    const why = 'is the operator’s key; it is not copied'
    general.tell(
      'needed',
      'master_key',
      why,
      'set SLUICE_ADMIN_KEY; clients that send the master key get SLUICE_API_KEY',
    )
  }
  const isLimit = limit !== undefined && limit >= 1
  if (isLimit) {
    general?.tell(
      'changed',
      'global_max_parallel_requests',
      'holds for the tenant `default`; jobs above it wait instead of failing',
    )
  }
  return {
    concurrency: isLimit ? Math.min(1_000_000, Math.floor(limit)) : null,
    maxBodyMb: size === undefined || size <= 0 ? null : Math.min(512, Math.max(1, Math.ceil(size))),
  }
}

async function findProblems(yaml: string, environment: Environment): Promise<readonly ConfigProblem[]> {
  try {
    await checkText({ file: 'sluice.yaml', text: yaml, env: environment.standIns })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
