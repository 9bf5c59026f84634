import type { Writable } from 'node:stream'
import type { Redis } from 'ioredis'

/**
 * Lets the commands that one turn of the event loop gives to a connection leave in one packet. ioredis writes each
 * command by itself: a system call here and another in Redis, which together cost about as much as the command. The
 * order of commands stays; nothing is delayed past the turn's end.
 */
export function coalesceWrites(redis: Redis): void {
  redis.on('connect', () => {
    const { stream } = redis as unknown as { stream: Writable }
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    let corked = false
    const uncork = () => {
      corked = false
      stream.uncork()
    }
    stream.write = ((...args: unknown[]) => {
      if (!corked) {
        corked = true
        stream.cork()
        setImmediate(uncork)
      }
      return write(...args)
    }) as Writable['write']
  })
}
