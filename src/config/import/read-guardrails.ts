import { type Entity, entities } from '../../core/pii/entities.ts'
import { entityOfType } from '../../core/pii/presidio-entities.ts'
import type { ImportContext } from './drafts.ts'
import { environmentName } from './environment.ts'
import type { Known, Section } from './sections.ts'

export interface AuditorDraft {
  readonly presidio?: { readonly url: string; readonly language?: string; readonly min_score?: number }
  readonly entities: ReadonlyMap<Entity, string>
  readonly answers?: 'redact'
  readonly notes: readonly string[]
}

const knownPresidio: Readonly<Record<string, Known>> = {
  presidio_anonymizer_api_base: ['native', 'Sluice masks by itself'],
  presidio_ad_hoc_recognizers: [
    'lost',
    'is a file of Presidio’s own recognizers',
    'write them as auditor.patterns, or give them to the analyzer',
  ],
  presidio_run_on: ['lost', 'there is no such choice'],
  skip_system_message_in_guardrail: ['lost', 'every text of a request is examined'],
  mock_redacted_text: ['lost', 'is for tests of LiteLLM'],
  logging_only: ['native', 'logs hold no content, ever'],
}

/** `guardrails`: Presidio becomes a detector with its entities, what finds secrets is built in, others are told of. */
export function readGuardrails(root: Section, context: ImportContext): AuditorDraft {
  const operators = new Map<Entity, string>()
  const notes: string[] = []
  let presidio: AuditorDraft['presidio']
  let answers: 'redact' | undefined
  for (const guardrail of root.sections('guardrails')) {
    guardrail.take('guardrail_name')
    if (guardrail.take('guardrail_info') !== undefined) guardrail.tell('native', 'guardrail_info', 'is a description')
    guardrail.take('guardrail_id')
    const params = guardrail.section('litellm_params')
    const kind = params?.text('guardrail')
    if (!params || kind === undefined) {
      guardrail.tell('lost', 'litellm_params', 'does not say which guardrail it is')
    } else if (kind === 'hide-secrets') {
      guardrail.tell('native', 'litellm_params', 'secrets are always looked for; see docs/compliance.md')
    } else if (kind === 'presidio') {
      const found = readPresidio({ guardrail, params }, operators, context)
      presidio ??= found.presidio
      answers ??= found.answers
      notes.push(...found.notes)
    } else {
      guardrail.tell(
        'lost',
        'litellm_params',
        `there is no ${kind}`,
        'the auditor masks personal data and secrets; see docs/compliance.md',
      )
    }
    guardrail.reportRest()
  }
  return { ...(presidio && { presidio }), entities: operators, ...(answers && { answers }), notes: [...new Set(notes)] }
}

function readPresidio(
  { guardrail, params }: { guardrail: Section; params: Section },
  operators: Map<Entity, string>,
  context: ImportContext,
): Pick<AuditorDraft, 'presidio' | 'answers' | 'notes'> {
  const modes = params.texts('mode')
  const notes: string[] = []
  if (modes.length > 0 && modes.every((mode) => mode === 'logging_only')) {
    guardrail.tell('native', 'litellm_params', 'logs hold no content, ever')
    return { notes }
  }
  if (params.flag('default_on') !== true) {
    params.tell('changed', 'default_on', 'was for requests that asked for it; here every request is examined')
  }
  const isReversible = params.flag('output_parse_pii') === true
  const masked = isReversible ? 'mask' : 'redact'
  readEntities(params, operators, masked)
  if (!isReversible && operators.size > 0) {
    notes.push('output_parse_pii was off: what was masked stays masked in answers. `mask` would put it back.')
  }
  const scope = params.text('presidio_filter_scope')
  const seesAnswers = scope === 'output' || scope === 'both' || modes.includes('post_call')
  if (seesAnswers) {
    params.tell(
      'changed',
      scope === undefined ? 'mode' : 'presidio_filter_scope',
      'what is new in an answer is redacted, whatever entity it is',
    )
  }
  const url = readAnalyzer(params, context)
  const language = params.text('presidio_language')
  const score = readScore(params)
  params.reportRest(knownPresidio)
  return {
    presidio: {
      url,
      ...(language !== undefined && /^[a-z]{2}$/.test(language) && { language }),
      ...(score !== undefined && { min_score: score }),
    },
    ...(seesAnswers && { answers: 'redact' as const }),
    notes,
  }
}

function readAnalyzer(params: Section, { environment }: ImportContext): string {
  const [variable, purpose] = ['PRESIDIO_ANALYZER_API_BASE', 'the Presidio analyzer']
  const base = params.text('presidio_analyzer_api_base')
  if (base === undefined) return environment.refer(variable, 'url', purpose)
  if (environmentName(base) !== null) return environment.convert(base, 'url', purpose)
  const url = URL.parse(base)
  const isPlain =
    url &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  if (isPlain) return `${url.origin}${url.pathname}`.replace(/\/{1,10}$/, '')
  params.tell('needed', 'presidio_analyzer_api_base', 'is no plain http:// or https:// URL', `set ${variable}`)
  return environment.refer(variable, 'url', purpose)
}

/** Two of Presidio's types may be one entity here: then blocking goes before masking. */
function readEntities(params: Section, operators: Map<Entity, string>, masked: string): void {
  const config = params.section('pii_entities_config')
  if (!config) return
  for (const type of config.keys) {
    const action = config.text(type)?.toUpperCase()
    const entity = entityOfType(type)
    if (action !== 'MASK' && action !== 'BLOCK') {
      config.tell('lost', type, `there is no action ${action}`, 'set auditor.entities')
      continue
    }
    if (entity === 'CUSTOM' && type !== 'CUSTOM') {
      config.tell(
        'changed',
        type,
        'has no entity of its own here: findings of that type are CUSTOM, like those of patterns',
      )
    }
    if (operators.get(entity) !== 'block') operators.set(entity, action === 'BLOCK' ? 'block' : masked)
  }
  params.tell(
    'changed',
    'pii_entities_config',
    'other kinds of personal data are masked as well',
    'set auditor.profile, or `keep` for an entity',
  )
}

function readScore(params: Section): number | undefined {
  const scores = params.section('presidio_score_thresholds')
  const all = scores?.number('ALL')
  for (const type of scores?.keys ?? []) {
    if (type === 'ALL') continue
    scores?.take(type)
    scores?.tell('lost', type, 'one score holds for all entities', 'set min_score')
  }
  return all !== undefined && all >= 0 && all <= 1 ? all : undefined
}

/** In the order in which the entities are listed everywhere. */
export function sortEntities(operators: ReadonlyMap<Entity, string>): Record<string, string> {
  return Object.fromEntries(
    entities.flatMap((entity) => (operators.has(entity) ? [[entity, operators.get(entity) ?? '']] : [])),
  )
}
