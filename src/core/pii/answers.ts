import type { AnswerPolicy } from '../audit-policy.ts'
import { isJsonObject } from '../json-object.ts'
import { type Entity, entities } from './entities.ts'
import { Masker } from './mask.ts'
import { BodyText } from './mask-chat.ts'
import type { Finding } from './recognizer.ts'
import { chatAnswer } from './request-shapes.ts'

/** The text of a chat completion. */
export class AnswerText extends BodyText {
  constructor(json: string) {
    super(json, chatAnswer)
  }
}

export interface AnswerReview {
  /** Places by entity; what the caller knew already does not count. */
  readonly counts: Readonly<Partial<Record<Entity, number>>>
  /** The answer as the policy lets it out: redacted, or as it came. */
  readonly bodyJson: string
  readonly blocked: boolean
}

/**
 * What the policy makes of secrets and personal data in an answer that its reader did not bring along. `findings` are
 * those of the text's pieces; `isKnown` says whether a value was in the request, as written or as its placeholder.
 */
export function reviewAnswer(
  text: BodyText,
  findings: readonly (readonly Finding[])[],
  options: { isKnown: (value: string) => boolean; policy: AnswerPolicy },
): AnswerReview {
  const { isKnown, policy } = options
  const asItCame = { bodyJson: text.asWritten, blocked: false }
  if (policy === 'off') return { counts: {}, ...asItCame }
  const isNew = (piece: string, { start, end }: Finding) => {
    const value = piece.slice(start, end)
    return !isOnlyPlaceholder(value) && !isKnown(value)
  }
  const news = text.pieces.map(({ text: piece }, index) => (findings[index] ?? []).filter((one) => isNew(piece, one)))
  const masker = new Masker({ operatorOf: () => 'redact' })
  const redacted = text.mask(news, masker)
  const { counts } = masker
  if (policy === 'redact') {
    const isRedacted = Object.keys(counts).length > 0
    return { counts, bodyJson: isRedacted ? withoutEchoes(redacted) : redacted, blocked: false }
  }
  return { counts, bodyJson: text.asWritten, blocked: policy === 'block' && Object.keys(counts).length > 0 }
}

/** Tokens and sound say again what was taken out of the text, in pieces that cannot be told apart. */
function withoutEchoes(answerJson: string): string {
  if (!/"(?:logprobs|audio)"\s*:\s*\{/.test(answerJson)) return answerJson
  const answer: unknown = JSON.parse(answerJson)
  if (!isJsonObject(answer) || !Array.isArray(answer.choices)) return answerJson
  const choices = answer.choices.map((choice: unknown) => {
    if (!isJsonObject(choice)) return choice
    const { message } = choice
    return {
      ...choice,
      ...(choice.logprobs !== undefined && { logprobs: null }),
      ...(isJsonObject(message) && message.audio !== undefined && { message: { ...message, audio: null } }),
    }
  })
  return JSON.stringify({ ...answer, choices })
}

const placeholder = new RegExp(`^<?(?:${entities.join('|')})(?:_[0-9a-z]{1,16})?>?$`)

/** A placeholder that was not restored is no data: `<PERSON_1>`, or the word in it. */
function isOnlyPlaceholder(value: string): boolean {
  return placeholder.test(value) && /_|^</.test(value)
}
