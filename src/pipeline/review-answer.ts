import type { Auditing } from '../core/auditing.ts'
import { BrokerError } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import { AnswerText, reviewAnswer } from '../core/pii/answers.ts'
import { DetectorError } from '../core/pii/detector.ts'
import { textOf } from '../core/pii/mask-chat.ts'
import type { JobStore } from '../core/ports.ts'

export interface DeliveryDeps {
  readonly store: JobStore
  readonly auditing: Auditing
}

/** Whether pieces of an answer may be shown before the whole has been looked at. */
export function mustSeeWhole(auditing: Auditing, tenant: string): boolean {
  const { answers } = auditing.of(tenant).policy
  return answers === 'redact' || answers === 'block'
}

/**
 * The restored answer of a job as the policy of its tenant lets it out. What is found is noted for the audit trail when the
 * answer is first delivered. @throws BrokerError `answer_blocked`, `detector_unavailable`
 */
export async function reviewAnswerOf(
  job: { id: JobId; tenant: string },
  restoredJson: string,
  { store, auditing }: DeliveryDeps,
): Promise<string> {
  const { policy, detector } = auditing.of(job.tenant)
  if (policy.answers === 'off') return restoredJson
  try {
    const answer = new AnswerText(restoredJson)
    const findings = await detector.detect(answer.pieces)
    const asked = findings.some((found) => found.length > 0) ? await wordsOf(job.id, store) : ''
    const isKnown = (value: string) => hasWord(asked, value.toLowerCase())
    const { counts, bodyJson, blocked } = reviewAnswer(answer, findings, { isKnown, policy: policy.answers })
    if (Object.keys(counts).length > 0) await store.noteAnswer(job.id, { found: counts, policy: policy.answers })
    if (!blocked) return bodyJson
  } catch (error) {
    if (!(error instanceof DetectorError)) throw error
    if (policy.answers === 'report') return restoredJson
    throw new BrokerError('detector_unavailable', undefined, { cause: error })
  }
  throw new BrokerError('answer_blocked', 'The policy of this tenant does not let this answer out.')
}

/** Everything that the caller wrote, in small letters: to repeat it tells nobody anything. */
async function wordsOf(id: JobId, store: JobStore): Promise<string> {
  const asked = await store.readBody(id)
  if (asked === null) return ''
  return textOf(asked.endpoint, asked.bodyJson)
    .pieces.map(({ text }) => text)
    .join('\n')
    .toLowerCase()
}

/** Whether `value` stands in `text` by itself: who wrote `planning` has not said `Ann`. */
function hasWord(text: string, value: string): boolean {
  for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
    if (!isWordSign(text[at - 1]) && !isWordSign(text[at + value.length])) return true
  }
  return false
}

function isWordSign(sign: string | undefined): boolean {
  return sign !== undefined && /[\p{L}\p{N}]/u.test(sign)
}
