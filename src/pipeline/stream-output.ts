import type { ChatAssembler } from '../core/chat-assembler.ts'
import { encodeEntry } from '../core/job-event.ts'
import type { Completion } from '../core/provider.ts'

/** One write holds at most this many deltas; Lua can't take arguments without limit. */
const maxEntriesPerWrite = 500
/** So many chunks that say nothing are held back; some upstreams send them to keep a connection open. */
const maxHeldChunks = 32

/** The extra chunk that carries `usage`. Inside a JSON string the quotes would be escaped, so this can't hit content. */
const usageOnlyPattern = /"choices"\s*:\s*\[\s*\]/

export interface StreamSink {
  /** Whether the chunk that carries `usage` is passed on. */
  readonly includeUsage: boolean
  /** Writes deltas; false when the job is no longer ours. */
  readonly append: (entries: readonly string[], isFirst: boolean) => Promise<boolean>
  /** Asked about a whole answer of which nothing was written: true keeps it from the reader. */
  readonly mayWithhold: (bodyJson: string) => boolean
  /** Stops the upstream call. */
  readonly onLost: () => void
}

export type Streamed =
  | { readonly kind: 'written'; readonly completion: Completion }
  | { readonly kind: 'withheld'; readonly completion: Completion }
  /** Another worker has the job, or it has ended. */
  | { readonly kind: 'lost' }

/**
 * Writes a stream of chunks into a job's events as they come, and puts the whole answer together in `answer`. While a
 * write is under way the chunks that arrive wait and leave together with the next one, so a fast upstream costs fewer
 * writes, and a slow one is passed on chunk by chunk.
 *
 * Chunks before the first that says something (most upstreams begin with the bare role) are held back until it comes:
 * as long as a reader has seen nothing, another deployment can still answer in its stead.
 */
export async function streamIntoEvents(
  chunks: AsyncIterable<readonly string[]>,
  answer: ChatAssembler,
  sink: StreamSink,
): Promise<Streamed> {
  const writer = new EventWriter(sink)
  let held: string[] | null = []
  const release = async () => {
    const entries = held ?? []
    held = null
    for (const entry of entries) await writer.write(entry)
  }
  try {
    for await (const arrived of chunks) {
      for (const chunk of arrived) {
        answer.add(chunk)
        if (!sink.includeUsage && usageOnlyPattern.test(chunk)) continue
        const entry = encodeEntry('output.delta', chunk)
        if (held === null) await writer.write(entry)
        else held.push(entry)
        if (held && (answer.writtenCharacters > 0 || held.length > maxHeldChunks)) await release()
      }
      if (writer.lost) return { kind: 'lost' }
    }
    const completion = { bodyJson: answer.completionJson(), usage: answer.usage }
    if (held && sink.mayWithhold(completion.bodyJson)) return { kind: 'withheld', completion }
    await release()
    await writer.flush()
    return writer.lost ? { kind: 'lost' } : { kind: 'written', completion }
  } catch (error) {
    if (writer.lost) return { kind: 'lost' }
    throw error
  } finally {
    await writer.flush()
  }
}

class EventWriter {
  readonly #sink: StreamSink
  #waiting: string[] = []
  #writing: Promise<void> | null = null
  #first = true
  #failure: unknown = null
  lost = false

  constructor(sink: StreamSink) {
    this.#sink = sink
  }

  /** Resolves at once unless too much is waiting: then the upstream must wait too. */
  async write(entry: string): Promise<void> {
    if (this.lost) return
    this.#waiting.push(entry)
    this.#writing ??= this.#drain()
    if (this.#waiting.length >= maxEntriesPerWrite) await this.#writing
    if (this.#failure !== null) throw this.#failure
  }

  async flush(): Promise<void> {
    while (this.#writing) await this.#writing
    if (this.#failure !== null) throw this.#failure
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.lost) {
        const entries = this.#waiting.splice(0, maxEntriesPerWrite)
        const first = this.#first
        this.#first = false
        if (!(await this.#sink.append(entries, first))) {
          this.lost = true
          this.#sink.onLost()
        }
      }
    } catch (error) {
      this.#failure = error
    } finally {
      this.#writing = null
    }
  }
}
