import { callServer, untilOnline } from './api.js'

const ends = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired', 'job.rejected']
const openStatuses = new Set(['queued', 'in_progress'])
const lookAgainMs = 2_000

/**
 * Follows an answer to its end, through cuts of the network and restarts of the servers. Its events are numbered; after a
 * cut the stream goes on behind the last one that was seen, so nothing is missing and nothing comes twice.
 *
 * @param {string} id of the job
 * @param {object} reader
 * @param {(text: string) => void} reader.onText a piece of the answer
 * @param {() => void} reader.onReset what came so far is void: the answer begins anew
 * @param {(words: string) => void} reader.onState what is going on; empty when the answer speaks for itself
 * @param {AbortSignal} reader.signal ends it
 * @returns {Promise<{ status: string, error: { message: string } | null, text?: string, isCutShort?: boolean }>} how the job
 *   ended; with `text` where the whole answer was fetched, which then counts
 */
export async function followAnswer(id, reader) {
  const seen = { sequence: 0, hasBegun: false, isCutShort: false }
  void showQueue(id, seen, reader).catch(() => {})
  try {
    for (;;) {
      const end = await readEvents(id, seen, reader)
      reader.signal.throwIfAborted()
      if (end) return { ...end, isCutShort: seen.isCutShort }
      // The stream was refused: its server is away, or its events are no longer kept and the job has long ended.
      const job = await callServer(`/api/chat/${id}`, { signal: reader.signal, onTrouble: reader.onState })
      if (!openStatuses.has(job.status)) return job
      await untilOnline(lookAgainMs, reader.signal)
    }
  } finally {
    seen.hasBegun = true
  }
}

/** Resolves with the job's end, or with null where the browser gave the stream up. After a cut it comes back by itself. */
function readEvents(id, seen, { onText, onReset, onState, signal }) {
  return new Promise((resolve) => {
    const source = new EventSource(`/api/chat/${id}/events?after=${seen.sequence}`)
    const finish = (end) => {
      // A browser takes the end of a stream for a cut, and would come back for ever.
      source.close()
      signal.removeEventListener('abort', leave)
      resolve(end)
    }
    const leave = () => finish(null)
    signal.addEventListener('abort', leave)
    const on = (type, take) =>
      source.addEventListener(type, ({ lastEventId, data }) => {
        if (Number(lastEventId) <= seen.sequence) return
        seen.sequence = Number(lastEventId)
        take(JSON.parse(data))
      })
    on('job.in_progress', () => {
      seen.hasBegun = true
      onState('Working…')
    })
    on('job.retrying', () => onState('That did not work. Trying again…'))
    on('output.reset', onReset)
    on('output.delta', ({ choices: [choice] }) => {
      seen.hasBegun = true
      if (choice?.finish_reason === 'length') seen.isCutShort = true
      if (!choice?.delta.content) return
      onState('')
      onText(choice.delta.content)
    })
    for (const type of ends) on(type, finish)
    source.addEventListener('open', () => onState(seen.hasBegun ? '' : 'Waiting…'))
    source.addEventListener('error', () => {
      onState('Connection lost. The answer goes on when it is back.')
      if (source.readyState === EventSource.CLOSED) finish(null)
    })
  })
}

/** Until the answer begins: its place, which is not among the events. */
async function showQueue(id, seen, { onState, signal }) {
  while (!seen.hasBegun) {
    await untilOnline(lookAgainMs, signal)
    if (seen.hasBegun) return
    const { queue } = await callServer(`/api/chat/${id}`, { signal })
    if (seen.hasBegun || !queue) continue
    const { position, eta_seconds: seconds } = queue
    onState(`Waiting: place ${position}${seconds === null ? '' : `, about ${Math.max(1, Math.round(seconds))} s`}`)
  }
}
