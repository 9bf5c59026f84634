import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { type Detector, DetectorError, type TextPiece } from '../core/pii/detector.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import type { Logger } from '../core/telemetry.ts'
import { createLocalDetector, type DetectorRecipe, detectInThread, type ThreadTask } from './detector-thread.ts'

/** About 10 ms of work, by ordinary prose; to start a thread takes a third of a second once, to ask it 0.2 ms. */
const longFrom = 32_000
const mostThreads = 4
/** A thread holds 80 MiB: tables, the model of names, a heap of its own. */
const idleMs = 10 * 60_000

type Pool = Piscina<ThreadTask, readonly (readonly Finding[])[]>

/**
 * Looks through long texts beside the process's own thread, which goes on with everybody else's work meanwhile. Threads
 * are started when the first long text comes.
 */
export class DetectorThreads {
  readonly #log: Logger
  readonly #file: URL
  #pool: Pool | null = null

  /** `file` is what runs in a thread. */
  constructor(log: Logger, file = new URL('./detector-thread.ts', import.meta.url)) {
    this.#log = log
    this.#file = file
  }

  /** A detector that answers at once for short texts and from a thread for long ones. @throws Error as its kind does. */
  create(recipe: DetectorRecipe): Detector {
    const local = createLocalDetector(recipe)
    const recipeJson = JSON.stringify(recipe)
    return {
      name: local.name,
      detect: (pieces) => (isLong(pieces) ? this.#ask(local.name, recipeJson, pieces) : local.detect(pieces)),
    }
  }

  /** Ends the threads; who still waits for one is told that the detector failed. */
  async close(): Promise<void> {
    await this.#pool?.destroy()
  }

  async #ask(name: string, recipeJson: string, pieces: readonly TextPiece[]) {
    this.#pool ??= this.#open()
    try {
      return await this.#pool.run({ recipeJson, pieces })
    } catch (error) {
      this.#complain(error)
      throw new DetectorError(name, 'the thread that looks through long texts failed')
    }
  }

  #open(): Pool {
    const pool: Pool = new Piscina({
      filename: this.#file.href,
      name: detectInThread.name,
      minThreads: 0,
      maxThreads: Math.min(Math.max(availableParallelism() - 1, 1), mostThreads),
      idleTimeout: idleMs,
    })
    // So dies a thread that has no text in hand, such as one that cannot start. Who waits for it would wait for ever.
    pool.on('error', (error: unknown) => {
      this.#complain(error)
      if (this.#pool === pool) this.#pool = null
      void pool.destroy()
    })
    return pool
  }

  /** What a thread dies of may quote the text; its code does not. */
  #complain(error: unknown): void {
    this.#log.warn({ code: (error as NodeJS.ErrnoException).code }, 'a detector thread failed')
  }
}

function isLong(pieces: readonly TextPiece[]): boolean {
  let length = 0
  for (const { text } of pieces) length += text.length
  return length >= longFrom
}
