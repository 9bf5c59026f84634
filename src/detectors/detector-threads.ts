import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { type Detector, DetectorError, type TextPiece } from '../core/pii/detector.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { createLocalDetector, type DetectorRecipe, detectInThread, type ThreadTask } from './detector-thread.ts'

/** About 10 ms of work, by ordinary prose; to start a thread takes a third of a second once, to ask it 0.2 ms. */
const longFrom = 32_000
const mostThreads = 4
/** A thread holds 80 MiB: tables, the model of names, a heap of its own. */
const idleMs = 10 * 60_000

/**
 * Looks through long texts beside the process's own thread, which goes on with everybody else's work meanwhile. Threads
 * are started when the first long text comes.
 */
export class DetectorThreads {
  #pool: Piscina<ThreadTask, readonly (readonly Finding[])[]> | null = null

  /** A detector that answers at once for short texts and from a thread for long ones. @throws Error as its kind does. */
  create(recipe: DetectorRecipe): Detector {
    const local = createLocalDetector(recipe)
    const recipeJson = JSON.stringify(recipe)
    return {
      name: local.name,
      detect: (pieces) => (isLong(pieces) ? this.#ask(local.name, recipeJson, pieces) : local.detect(pieces)),
    }
  }

  async #ask(name: string, recipeJson: string, pieces: readonly TextPiece[]) {
    this.#pool ??= new Piscina({
      filename: new URL('./detector-thread.ts', import.meta.url).href,
      name: detectInThread.name,
      minThreads: 0,
      maxThreads: Math.min(Math.max(availableParallelism() - 1, 1), mostThreads),
      idleTimeout: idleMs,
    })
    try {
      return await this.#pool.run({ recipeJson, pieces })
    } catch {
      // What a thread dies of may quote the text.
      throw new DetectorError(name, 'the thread that looks through long texts failed')
    }
  }

  /** Ends the threads; who still waits for one is told that the detector failed. */
  async close(): Promise<void> {
    await this.#pool?.destroy()
  }
}

function isLong(pieces: readonly TextPiece[]): boolean {
  let length = 0
  for (const { text } of pieces) length += text.length
  return length >= longFrom
}
