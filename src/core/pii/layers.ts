/** One stretch of a text that is read as something else; `text` is empty where nothing is read. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

interface Stretch {
  readonly start: number
  readonly end: number
}

/**
 * A text with edits made, and the way back from its offsets to those before. Memory and time go with the number of
 * edits, not with the length of the text.
 */
export class Layer {
  readonly text: string
  readonly #edits: readonly Edit[]
  /** Where each edit's text starts in the edited text. */
  readonly #places: Uint32Array

  /** `edits` in order and without overlaps. */
  constructor(original: string, edits: readonly Edit[]) {
    const places = new Uint32Array(edits.length)
    let edited = ''
    let from = 0
    let length = 0
    for (const [index, { start, end, text }] of edits.entries()) {
      edited += original.slice(from, start) + text
      length += start - from
      places[index] = length
      length += text.length
      from = end
    }
    this.text = edited + original.slice(from)
    this.#edits = edits
    this.#places = places
  }

  /**
   * Where a stretch of the edited text stands in the text before. What cannot be seen beside it belongs to it: a
   * direction mark left behind would turn round what follows.
   */
  toOriginal({ start, end }: Stretch): Stretch {
    return { start: this.#startOf(start), end: this.#endOf(end) }
  }

  #startOf(offset: number): number {
    let index = this.#countUpTo(offset) - 1
    const edit = this.#edits[index]
    const place = this.#places[index]
    if (!edit || place === undefined) return offset
    const past = offset - place - edit.text.length
    if (past > 0) return edit.end + past
    if (past < 0) return edit.start
    if (edit.text !== '') return edit.end
    let start = edit.start
    for (index -= 1; this.#isRemovedBefore(index, start); index -= 1) start = this.#edits[index]?.start ?? start
    return start
  }

  #endOf(offset: number): number {
    let index = this.#countUpTo(offset - 1) - 1
    const edit = this.#edits[index]
    const place = this.#places[index]
    const past = edit && place !== undefined ? offset - place - edit.text.length : 0
    let end = edit ? edit.end + Math.max(0, past) : offset
    for (index += 1; ; index += 1) {
      const next = this.#edits[index]
      if (!next || next.start !== end || next.text !== '') return end
      end = next.end
    }
  }

  #isRemovedBefore(index: number, start: number): boolean {
    const edit = this.#edits[index]
    return edit !== undefined && edit.text === '' && edit.end === start
  }

  /** How many edits start at or before an offset of the edited text. */
  #countUpTo(offset: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#places[middle] ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
