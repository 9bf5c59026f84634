import type { Finding } from './recognizer.ts'

/** A piece of text out of a body. `name` is the field that it is the value of, `''` if none: it helps to tell what it is. */
export interface TextPiece {
  readonly name: string
  readonly text: string
}

/**
 * Finds personal data in the texts of one job. All texts of a job come in one call: a name that is introduced in one
 * message is the same person in the next.
 */
export interface Detector {
  readonly name: string
  /**
   * One list of findings per piece, in order, without overlaps; offsets are UTF-16 units of the piece. A detector that
   * only computes answers at once; a remote one returns a promise, and rejects with `DetectorError` when it can't tell.
   */
  detect(
    pieces: readonly TextPiece[],
    signal?: AbortSignal,
  ): readonly (readonly Finding[])[] | Promise<readonly (readonly Finding[])[]>
}

/** A detector that failed or took too long. What it would have found is unknown, so nothing may pass as clean. */
export class DetectorError extends Error {
  override readonly name = 'DetectorError'
  readonly detector: string

  /** `message` never quotes the text. */
  constructor(detector: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.detector = detector
  }
}
