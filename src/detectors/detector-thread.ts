/** What runs in a thread of `DetectorThreads`. */
import { createBuiltinDetector, type LocalDetector } from '../core/pii/builtin-detector.ts'
import type { TextPiece } from '../core/pii/detector.ts'
import type { Entity } from '../core/pii/entities.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { createPatternDetector, type OwnPattern, type OwnWords } from './pattern-detector.ts'

/** How a detector is made. */
export type DetectorRecipe =
  | {
      readonly kind: 'builtin'
      /** Whose detector it is: what is remembered of texts is kept apart. */
      readonly tenant: string
      readonly entities: readonly Entity[]
      readonly remembers: number
    }
  | { readonly kind: 'patterns'; readonly patterns: readonly OwnPattern[]; readonly deny: readonly OwnWords[] }

export interface ThreadTask {
  /** A `DetectorRecipe`: as text, because who was made by it is found again by it. */
  readonly recipeJson: string
  readonly pieces: readonly TextPiece[]
}

/** As many as there are tenants, at most twice. */
const detectors = new Map<string, LocalDetector>()

export function detectInThread({ recipeJson, pieces }: ThreadTask): readonly (readonly Finding[])[] {
  let detector = detectors.get(recipeJson)
  if (!detector) {
    detector = createLocalDetector(JSON.parse(recipeJson) as DetectorRecipe)
    detectors.set(recipeJson, detector)
  }
  return detector.detect(pieces)
}

export function createLocalDetector(recipe: DetectorRecipe): LocalDetector {
  if (recipe.kind === 'patterns') return createPatternDetector(recipe)
  return createBuiltinDetector({ entities: new Set(recipe.entities), remembers: recipe.remembers })
}
