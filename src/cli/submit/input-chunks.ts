import { addAbortSignal } from 'node:stream'
import { ChangedInputError, type Chunk, cutChunks } from './chunk-cutter.ts'
import type { HeldResults } from './held-results.ts'
import { type InputFile, readInput, stdinName } from './input-files.ts'
import type { InputProblem } from './tally.ts'

/**
 * The chunks of all inputs, one input after the other. An input that can't be read, or has changed under its results, is
 * reported and left at that point; the others are read all the same. Throws only when `signal` stops the reading.
 */
export async function* readChunks(
  inputs: readonly InputFile[],
  options: {
    chunkBytes: number
    held: HeldResults
    onProblem: (problem: InputProblem) => void
    signal: AbortSignal
  },
): AsyncGenerator<Chunk, void, undefined> {
  for (const input of inputs) {
    // Without the signal a read from a quiet pipe would outlast everything else.
    const bytes = addAbortSignal(options.signal, readInput(input, options.chunkBytes))
    const source = { file: input.name, bytes, held: options.held.of(input.name) }
    try {
      yield* cutChunks(source, options.chunkBytes)
    } catch (error) {
      options.signal.throwIfAborted()
      options.onProblem({ file: input.name === stdinName ? 'stdin' : input.name, message: describeProblem(error) })
    } finally {
      bytes.destroy()
    }
  }
}

function describeProblem(error: unknown): string {
  if (error instanceof ChangedInputError) {
    return `changed since its results were made, at byte ${error.offset} or soon after; use another --out for it`
  }
  if (error instanceof Error && 'code' in error) return String(error.code)
  throw error
}
