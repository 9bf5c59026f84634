import { UsageError } from '../client/failures.ts'
import type { HeldStretch } from './chunk-cutter.ts'
import type { ResultLine } from './result-line.ts'

/** Which stretches of which files have their results already, from an earlier run. */
export class HeldResults {
  readonly #files = new Map<string, Map<number, HeldStretch>>()
  readonly #question: string

  /** @param question what results must have been made with to be of use. */
  constructor(question: string) {
    this.#question = question
  }

  has(line: Pick<ResultLine, 'file' | 'offset'>): boolean {
    return this.#files.get(line.file)?.has(line.offset) ?? false
  }

  /** @throws UsageError for a line that answers another question. */
  add(line: ResultLine): void {
    if (line.question !== this.#question) {
      throw new UsageError(
        'The results file was made with another model, prompt or response format. Use the same, or another --out.',
      )
    }
    const stretches = this.#files.get(line.file) ?? new Map<number, HeldStretch>()
    stretches.set(line.offset, { offset: line.offset, bytes: line.bytes, sha256: line.sha256 })
    this.#files.set(line.file, stretches)
  }

  /** In the order of their offsets. */
  of(file: string): HeldStretch[] {
    return [...(this.#files.get(file)?.values() ?? [])].sort((a, b) => a.offset - b.offset)
  }
}
