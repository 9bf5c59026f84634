import { ChatAssembler } from '../core/chat-assembler.ts'
import { encodeEntry } from '../core/job-event.ts'
import type { Completion } from '../core/provider.ts'

/** One write holds at most this many deltas; Lua can't take arguments without limit. */
const maxEntriesPerWrite = 500

/** The extra chunk that carries `usage`. Inside a JSON string the quotes would be escaped, so this can't hit content. */
const usageOnlyPattern = /"choices"\s*:\s*\[\s*\]/

export interface StreamSink {
  /** Whether the chunk that carries `usage` is passed on. */
  readonly includeUsage: boolean
  /** Writes deltas; false when the job is no longer ours. */
  readonly append: (entries: readonly string[], first: boolean) => Promise<boolean>
  /** Stops the upstream call. */
  readonly onLost: () => void
}

/**
 * Writes a stream of chunks into a job's events as they come, and puts the whole answer together on the way. While a
 * write is under way the chunks that arrive wait and leave together with the next one, so a fast upstream costs fewer
 * writes, and a slow one is passed on chunk by chunk. Returns null when the job was lost to another worker.
 */
export async function streamIntoEvents(
  chunks: AsyncIterable<readonly string[]>,
  sink: StreamSink,
): Promise<Completion | null> {
  const assembler = new ChatAssembler()
  const writer = new EventWriter(sink)
  try {
    for await (const arrived of chunks) {
      for (const chunk of arrived) {
        assembler.add(chunk)
        if (!sink.includeUsage && usageOnlyPattern.test(chunk)) continue
        await writer.write(encodeEntry('output.delta', chunk))
      }
      if (writer.lost) return null
    }
  } catch (error) {
    if (writer.lost) return null
    throw error
  } finally {
    await writer.flush()
  }
  if (writer.lost) return null
  return { bodyJson: assembler.completionJson(), usage: assembler.usage }
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
