/** Ctrl-C, or a request to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** What shells expect of a program that a signal has ended. */
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(signal)
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}

/** Aborts `signal` at the first SIGINT or SIGTERM; a second one ends the process as if nobody listened. */
export function watchInterrupts(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    stop()
    controller.abort(new Interrupted(signal))
  }
  const stop = () => {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return { signal: controller.signal, stop }
}
