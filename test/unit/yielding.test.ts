import { describe, expect, it } from 'vitest'
import { Yielding } from '../../src/queue/yielding.ts'

function startYielding(isWanted = true) {
  const clock = { nowMs: 1_000_000 }
  return { clock, yielding: new Yielding(isWanted, () => clock.nowMs) }
}

describe('a consumer that yields', () => {
  it('rests after batch entries for as long as they took, up to 20 ms, while others come', () => {
    const { yielding } = startYielding()
    yielding.noteOthers()
    expect(yielding.restAfter('batch', 3.5)).toBe(3.5)
    expect(yielding.restAfter('batch', 400)).toBe(20)
    expect(yielding.restAfter('standard', 400)).toBe(0)
    expect(yielding.restAfter('interactive', 400)).toBe(0)
  })

  it('goes on at full speed before any came, and 30 s after the last', () => {
    const { yielding, clock } = startYielding()
    expect(yielding.isYielding).toBe(false)
    expect(yielding.restAfter('batch', 5)).toBe(0)
    yielding.noteOthers()
    clock.nowMs += 29_999
    expect(yielding.isYielding).toBe(true)
    clock.nowMs += 1
    expect(yielding.isYielding).toBe(false)
  })

  it('never does where it is not wanted', () => {
    const { yielding } = startYielding(false)
    yielding.noteOthers()
    expect(yielding.isYielding).toBe(false)
    expect(yielding.restAfter('batch', 5)).toBe(0)
  })
})
