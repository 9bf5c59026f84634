import { joinOverlaps } from '../core/pii/detect.ts'
import { type Detector, DetectorError, type TextPiece } from '../core/pii/detector.ts'
import type { Entity } from '../core/pii/entities.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { foldCase } from './fold-case.ts'

type Findings = readonly (readonly Finding[])[]
type Answer = Findings | Promise<Findings>

/**
 * Several detectors as one. All look, and what any of them finds is found. Values of `allow`, in any case, never count, and
 * neither do entities that are not asked for (all are, if nothing is said). Answers at once when all of them do; fails
 * when one fails.
 */
export function createDetectorChain(
  detectors: readonly Detector[],
  options: { allow?: readonly string[]; entities?: ReadonlySet<Entity> } = {},
): Detector {
  const allowed = new Set((options.allow ?? []).map((value) => foldCase(value.trim())))
  const { entities } = options
  const counts = (text: string, { entity, start, end }: Finding) =>
    (!entities || entities.has(entity)) && (allowed.size === 0 || !allowed.has(foldCase(text.slice(start, end).trim())))

  // What does not count goes before overlaps are joined: a finding that counts must not lose its name to it.
  const join = (pieces: readonly TextPiece[], answers: readonly Findings[]) => {
    for (const [index, answer] of answers.entries()) {
      if (answer.length === pieces.length) continue
      // What was not looked at must not pass for clean.
      throw new DetectorError(detectors[index]?.name ?? '', 'the detector did not look at every text')
    }
    return pieces.map(({ text }, index) =>
      joinOverlaps(answers.flatMap((answer) => answer[index] ?? []).filter((finding) => counts(text, finding))),
    )
  }

  return {
    name: detectors.map(({ name }) => name).join('+'),
    detect(pieces, signal) {
      const answers = detectors.map((detector) => ask(() => detector.detect(pieces, signal)))
      return answers.every(isHere) ? join(pieces, answers) : Promise.all(answers).then((all) => join(pieces, all))
    },
  }
}

/** One that throws at once must not leave another's promise without a listener. */
function ask(detect: () => Answer): Answer {
  try {
    return detect()
  } catch (error) {
    return Promise.reject(error)
  }
}

function isHere(answer: Answer): answer is Findings {
  return !(answer instanceof Promise)
}
