/** Servers that work on one call after the other unless they are told otherwise, so a second one only waits in them. */
const serial: ReadonlySet<string> = new Set(['ollama', 'mlx', 'llama.cpp'])
const usual = 16

/** Calls at the same time for a deployment that names no number, and whose server does not say either. */
export function usualConcurrency(provider: string): number {
  return serial.has(provider) ? 1 : usual
}
