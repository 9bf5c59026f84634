import { hash } from 'node:crypto'
import { takeRandomBytes } from '../random-bytes.ts'
import type { TextPiece } from './detector.ts'
import type { Finding } from './recognizer.ts'

/**
 * What was found in texts that were looked at before: each turn of a conversation brings all turns before it along, and
 * each request the same instructions. Keeps where and what, by a keyed hash of the text; never a text.
 */
export class KnownTexts {
  readonly #capacity: number
  readonly #key = takeRandomBytes(32).toString('base64')
  /** In the order of their last use. */
  readonly #found = new Map<string, readonly Finding[]>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** The findings of a piece, by `look` where it is new. */
  find(piece: TextPiece, look: (piece: TextPiece) => readonly Finding[]): readonly Finding[] {
    const { name, text } = piece
    if (this.#capacity === 0 || text.length < shortest || text.length > longest) return look(piece)
    const place = hash('sha256', `${this.#key}${JSON.stringify(name)}${text}`, 'base64')
    const known = this.#found.get(place)
    const findings = known ?? look(piece)
    if (findings.length > mostFindings) return findings
    this.#found.delete(place)
    this.#found.set(place, findings)
    if (this.#found.size > this.#capacity) this.#forgetOldest()
    return findings
  }

  #forgetOldest(): void {
    for (const place of this.#found.keys()) {
      this.#found.delete(place)
      return
    }
  }
}

/** To look at less costs about as much as to remember it. */
const shortest = 40
const longest = 64 * 1024
const mostFindings = 100
