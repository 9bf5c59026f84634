import type { AuditPolicy } from '../core/audit-policy.ts'
import type { TenantAuditing } from '../core/auditing.ts'
import type { JobSpec, MaskedCounts } from '../core/job.ts'
import { DetectorError } from '../core/pii/detector.ts'
import { type Entity, entities } from '../core/pii/entities.ts'
import { isHealthData } from '../core/pii/health-data.ts'
import { Masker } from '../core/pii/mask.ts'
import { type BodyText, textOf } from '../core/pii/mask-chat.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { stricter } from '../core/sensitivity.ts'
import type { Sensitivity } from '../core/vocabulary.ts'

/** What an auditor found out about a job. */
export interface Examined {
  readonly sensitivity: Sensitivity
  readonly reason: string
  /** Places by entity. */
  readonly found: MaskedCounts
  readonly detectors: readonly string[]
  /** The body without what routing decides. */
  readonly asWritten: string
  /** The same text where nothing was found. */
  readonly maskedJson: string
  readonly vault: ReadonlyMap<string, string>
  /** Why the policy does not let it in; null when it does. */
  readonly blocked: string | null
  /** The detector that could not tell. The class is as if it had found the worst. */
  readonly failedDetector: string | null
  /** Whether a detector that failed could have found something that the policy lets in nowhere. */
  readonly mayBeBlocked: boolean
}

type ExaminedSpec = Pick<JobSpec, 'endpoint' | 'sensitivity'>

/** The dispatcher's deployment has its own words for these. */
const routingFields = ['model', 'stream', 'stream_options']

/** Looks through every text of a job, and says what class that makes it and how a cloud may read it. */
export async function examine(spec: ExaminedSpec, bodyJson: string, auditing: TenantAuditing): Promise<Examined> {
  const text = textOf(spec.endpoint, bodyJson, { without: routingFields })
  try {
    const answer = auditing.detector.detect(text.pieces)
    // Awaiting an answer that is there already would let other work in between, for nothing.
    return judge(spec, text, answer instanceof Promise ? await answer : answer, auditing)
  } catch (error) {
    if (!(error instanceof DetectorError)) throw error
    return unexamined(text, error, auditing.policy)
  }
}

function judge(
  spec: ExaminedSpec,
  text: BodyText,
  findings: readonly (readonly Finding[])[],
  { policy, detector, hashOf }: TenantAuditing,
): Examined {
  const masker = new Masker({ operatorOf: policy.operatorOf, hashOf })
  const maskedJson = text.mask(findings, masker)
  const { sensitivity, reason } = classify(spec.sensitivity, text, masker.counts, policy)
  return {
    sensitivity,
    reason,
    found: masker.counts,
    detectors: [detector.name],
    asWritten: text.asWritten,
    maskedJson,
    vault: masker.vault,
    blocked: blockedBy(masker.blocked, text, sensitivity, policy),
    failedDetector: null,
    mayBeBlocked: false,
  }
}

/** Nothing is known about the text, so it may go only where everything may go. */
function unexamined(text: BodyText, { detector }: DetectorError, policy: AuditPolicy): Examined {
  return {
    sensitivity: 'restricted',
    reason: `the detector ${detector} failed`,
    found: {},
    detectors: [],
    asWritten: text.asWritten,
    maskedJson: text.asWritten,
    vault: new Map(),
    blocked: blockedBy(new Set(), text, 'restricted', policy),
    failedDetector: detector,
    mayBeBlocked: entities.some((entity) => policy.operatorOf(entity) === 'block'),
  }
}

/** The caller's wish, the findings and the policy give the class; it may only rise. */
function classify(
  asked: Sensitivity,
  text: BodyText,
  found: MaskedCounts,
  policy: AuditPolicy,
): { sensitivity: Sensitivity; reason: string } {
  const names = Object.keys(found) as Entity[]
  const restricting = names.filter((entity) => policy.restrict.has(entity))
  const raises: [Sensitivity, string][] = []
  if (restricting.length > 0) raises.push(['restricted', `found ${restricting.join(', ')}`])
  const { onHealthData } = policy
  if (stricter(asked, onHealthData) !== asked && isHealthData(found, textsOf(text))) {
    raises.push([onHealthData, 'health data'])
  }
  if (names.length > 0) raises.push(['internal', `found ${names.join(', ')}`])
  // What nobody can look into goes by the caller's word: who calls it public has looked.
  const isPublic = asked === 'public' && names.length === 0
  if (text.hasMedia && policy.media === 'restricted' && !isPublic)
    raises.push(['restricted', 'pictures, sound, files or lists of tokens'])

  const sensitivity = raises.reduce((strictest, [raised]) => stricter(strictest, raised), asked)
  if (sensitivity === asked) return { sensitivity, reason: 'as requested or by policy of the tenant' }
  const reasons = raises.filter(([raised]) => raised === sensitivity).map(([, reason]) => reason)
  return { sensitivity, reason: `raised from ${asked}: ${reasons.join('; ')}` }
}

function blockedBy(
  found: ReadonlySet<Entity>,
  text: BodyText,
  sensitivity: Sensitivity,
  policy: AuditPolicy,
): string | null {
  if (found.size > 0) return `The policy of this tenant lets no ${[...found].join(', ')} in.`
  if (policy.media !== 'block' || !text.hasMedia || sensitivity === 'public') return null
  return 'The policy of this tenant lets no pictures, sound, files or lists of tokens in.'
}

function textsOf({ pieces }: BodyText): string[] {
  return pieces.map(({ text }) => text)
}
