import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../core/telemetry.ts'
import type { ServerProcess } from './server-process.ts'

const longestPauseMs = 5_000

/**
 * Keeps a server running: when it ends by itself it is started again at the same address, after 100, 200 … 5,000 ms.
 * Connections find it again by themselves.
 */
export function superviseServer(options: {
  running: ServerProcess
  relaunch: () => Promise<ServerProcess>
  logger: Logger
}): { readonly pid: number; stop(): Promise<void> } {
  const { relaunch, logger } = options
  const stopping = new AbortController()
  let running = options.running

  const restart = async (): Promise<ServerProcess | undefined> => {
    for (let pauseMs = 100; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return undefined
      try {
        return await relaunch()
      } catch (error) {
        logger.error(
          { reason: error instanceof Error ? error.message : String(error) },
          'The embedded Redis did not start again',
        )
      }
    }
  }

  const watch = async () => {
    for (;;) {
      const how = await running.exited
      if (stopping.signal.aborted) return
      logger.error({ how, lastLines: running.lastLines() }, 'The embedded Redis ended by itself')
      const restarted = await restart()
      if (!restarted) return
      running = restarted
      // It was told to stop in the middle of a start.
      if (stopping.signal.aborted) return running.stop()
      logger.info({ pid: running.pid }, 'The embedded Redis runs again')
    }
  }
  const watching = watch()

  return {
    get pid() {
      return running.pid
    },
    stop: async () => {
      stopping.abort()
      await running.stop()
      await watching
    },
  }
}
