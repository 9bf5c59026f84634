import type { Room } from '../core/lease-desk.ts'

/** One poll for batch work and one for the slot that batch work must not take: more would wait for nothing. */
const maxPolls = 2

/**
 * How much a node may ask for, beside what it has and what it has asked for already. Batch work never takes the last of
 * several slots, so a poll that is under way may be one that takes none of it; a second one then asks for that.
 */
export class ClaimRoom {
  readonly #capacity: number
  readonly #reserved: number
  readonly #asked = new Set<Room>()

  constructor({ concurrency, lookAhead }: { concurrency: number; lookAhead: number }) {
    this.#capacity = concurrency + lookAhead
    this.#reserved = concurrency > 1 ? 1 : 0
  }

  /** What to ask for now, which then counts as taken until it is answered; null where there is nothing to ask for. */
  wish(held: number): Room | null {
    const polls = [...this.#asked]
    const max = this.#capacity - held - sum(polls.map((poll) => poll.max))
    const batchRoom = this.#capacity - this.#reserved - held - sum(polls.map((poll) => poll.maxBatch))
    const maxBatch = Math.max(0, Math.min(max, batchRoom))
    const isNews = polls.length === 0 || (maxBatch > 0 && polls.every((poll) => poll.maxBatch === 0))
    if (max < 1 || !isNews || polls.length >= maxPolls) return null
    const wish = { max, maxBatch }
    this.#asked.add(wish)
    return wish
  }

  isAnswered(wish: Room): void {
    this.#asked.delete(wish)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
