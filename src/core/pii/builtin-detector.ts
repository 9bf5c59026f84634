import { detectNamed, joinOverlaps } from './detect.ts'
import type { Detector, TextPiece } from './detector.ts'
import type { Entity } from './entities.ts'
import { EntityMemory } from './entity-memory.ts'
import { KnownTexts } from './known-texts.ts'
import type { Finding } from './recognizer.ts'

/** A `Detector` that answers at once: it only computes. */
export interface LocalDetector extends Detector {
  detect(pieces: readonly TextPiece[]): readonly (readonly Finding[])[]
}

/**
 * The detector that is part of Sluice: recognizers and names, for the entities that are asked for (default: all).
 * `remembers`: of how many texts it keeps what it found, for when they come again (default: none).
 */
export function createBuiltinDetector(
  options: { entities?: ReadonlySet<Entity>; remembers?: number } = {},
): LocalDetector {
  const wanted = options.entities ?? null
  const known = new KnownTexts(options.remembers ?? 0)
  const look = ({ name, text }: TextPiece) => detectNamed(name, text, wanted)
  return {
    name: 'builtin',
    detect(pieces) {
      const found = pieces.map((piece) => known.find(piece, look))
      const memory = new EntityMemory()
      for (const [index, { text }] of pieces.entries()) memory.learn(text, found[index] ?? [])
      if (memory.isEmpty) return found
      const recalled = memory.recall(
        pieces.map(({ text }) => text),
        found,
      )
      return found.map((findings, index) => joinOverlaps([...findings, ...(recalled[index] ?? [])]))
    },
  }
}
