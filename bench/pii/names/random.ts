/** Numbers that look random and are the same in every run: xorshift32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 1
  }

  /** From 0 up to and without 1. */
  next(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) / 0x1_0000_0000
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new Error('Nothing to pick from.')
    return item
  }

  shuffle<Item>(items: Item[]): Item[] {
    for (let index = items.length - 1; index > 0; index -= 1) {
      const other = Math.floor(this.next() * (index + 1))
      const [left, right] = [items[index], items[other]]
      if (left !== undefined && right !== undefined) {
        items[index] = right
        items[other] = left
      }
    }
    return items
  }
}
