import type { RunningRole } from '../compose/runtime.ts'
import type { Logger } from '../core/telemetry.ts'

/** How long a process finishes what is in flight before it hands the rest back, in milliseconds. */
export const shutdownGraceMs = 20_000
/** Beyond that, for closing connections. */
const closingMs = 3_000

/**
 * Resolves when the process is told to stop. A second signal ends it at once: whoever presses Ctrl-C twice means it,
 * and what was in flight comes back by its lease.
 */
export function untilToldToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143))
        resolve(signal)
      })
    }
  })
}

/**
 * Ends the process should it not have ended by itself soon after its grace: while Redis is away, closing what speaks to it
 * may wait until it is back. What is in hand comes back by its lease.
 */
export function endAnyway(log: Logger): void {
  setTimeout(() => {
    log.warn({}, 'not everything could be closed in time; the process ends')
    process.exit(1)
  }, shutdownGraceMs + closingMs).unref()
}

/** Stops roles one after the other, those that take work in first, so that the later ones can finish it. */
export async function stopRoles(roles: readonly RunningRole[], graceMs: number, log: Logger): Promise<void> {
  const untilMs = Date.now() + graceMs
  for (const role of roles) {
    await role.stop(Math.max(500, untilMs - Date.now())).catch((error: unknown) => {
      log.warn({ err: error, role: role.name }, 'a role did not stop cleanly')
    })
  }
}
