import { afterEach, describe, expect, it, vi } from 'vitest'
import { endAnyway, shutdownGraceMs } from '../../src/process/lifetime.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

describe('a process that was told to stop and can’t close its connections', () => {
  afterEach(() => void vi.useRealTimers())

  it('ends soon after its grace, and not before', () => {
    vi.useFakeTimers()
    using exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never)
    endAnyway(silent)
    vi.advanceTimersByTime(shutdownGraceMs)
    expect(exit).not.toHaveBeenCalled()
    vi.advanceTimersByTime(5_000)
    expect(exit).toHaveBeenCalledExactlyOnceWith(1)
  })
})
