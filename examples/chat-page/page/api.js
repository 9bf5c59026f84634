/** Calls of the page's own server, made again for as long as the network or the server is away. */

const firstWaitMs = 500
const longestWaitMs = 8_000
const passing = new Set([429, 502, 503, 504])

/** The server answered, and the answer is no. The message is for the reader. */
export class RefusedError extends Error {}

/**
 * Resolves with the answer's JSON. `json` makes it a POST.
 *
 * @param {string} path
 * @param {{ json?: object, signal: AbortSignal, onTrouble?: (message: string) => void }} options `onTrouble` hears why it
 *   takes longer.
 * @throws RefusedError when trying again is of no use, AbortError when the signal says so.
 */
export async function callServer(path, { json, signal, onTrouble }) {
  const body = json && JSON.stringify(json)
  const request = json ? { method: 'POST', headers: { 'content-type': 'application/json' }, body } : {}
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    const response = await fetch(path, { ...request, signal }).catch(() => null)
    // It may break off in the middle, and what stands between may answer with a page of its own.
    const answer = response?.status === 204 ? {} : await response?.json().catch(() => null)
    signal.throwIfAborted()
    if (response?.ok && answer) return answer
    const isRefused = response !== null && !response.ok
    const message = answer?.error?.message ?? (isRefused ? `Refused with status ${response.status}.` : 'No connection.')
    const retryAfterMs = Number(response?.headers.get('retry-after')) * 1000
    const isOver = response?.status === 429 && !retryAfterMs
    if (isRefused && (isOver || !passing.has(response.status))) throw new RefusedError(message)
    onTrouble?.(`${message} Trying again…`)
    await untilOnline(retryAfterMs || waitMs, signal)
  }
}

/** Waits so long, or until the network is back if that is sooner. */
export function untilOnline(waitMs, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, waitMs)
    function done() {
      clearTimeout(timer)
      removeEventListener('online', done)
      signal.removeEventListener('abort', done)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    addEventListener('online', done)
    signal.addEventListener('abort', done)
  })
}
