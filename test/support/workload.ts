import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SubmittedJob } from './aftermath.ts'
import { type ChatScript, chunkRecord, completion, lastRecords } from './chat-upstream.ts'
import type { Cluster } from './cluster.ts'
import type { Seeded } from './seeded.ts'

const pieces = 6
const pieceMs = 100
const heldPieceMs = 1_000

/** Opened once: calls of held jobs answer only then. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>()
  open(): void {
    this.#opened.resolve()
  }
  get opened(): Promise<void> {
    return this.#opened.promise
  }
}

/**
 * An upstream with latency: an answer takes 600 ms, in six pieces where it is streamed. Prompts that begin with `hold`
 * are answered slowly, and not to the end before the gate is open.
 */
export function slowUpstream(gate: Gate): ChatScript {
  return async (call, response) => {
    const isHeld = call.prompt.startsWith('hold')
    const gone = new Promise<void>((resolve) => response.once('close', resolve))
    const tick = () => Promise.race([gone, isHeld ? Promise.race([gate.opened, sleep(heldPieceMs)]) : sleep(pieceMs)])
    const answer = answerTo(call.prompt)
    const size = Math.ceil(answer.length / pieces)
    if (call.stream) response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let piece = 0; piece < pieces && !response.destroyed; piece += 1) {
      await tick()
      if (isHeld && piece === pieces - 1) await Promise.race([gone, gate.opened])
      if (call.stream) response.write(chunkRecord({ content: answer.slice(piece * size, (piece + 1) * size) }))
    }
    if (response.destroyed) return
    if (call.stream) response.end(lastRecords())
    else response.writeHead(200, { 'content-type': 'application/json' }).end(completion(answer))
  }
}

/** What the upstream says to a prompt. */
export function answerTo(prompt: string): string {
  return `The answer to "${prompt}" is yes.`
}

/**
 * Submits a job of random priority, sensitivity and kind, with an address to be masked in its prompt. The client sends
 * it again, with the same key, until it is accepted, and now and then once more after that.
 */
export async function submitJob(cluster: Cluster, random: Seeded, kind: 'held' | 'passing'): Promise<SubmittedJob> {
  const stream = random.next() < 0.5
  const number = random.between(1_000, 9_999)
  const prompt = `${kind === 'held' ? 'hold: ' : ''}is ada${number}@example.com on call?`
  const job = {
    model: 'fleet',
    input: { endpoint: '/v1/chat/completions', body: { stream, messages: [{ role: 'user', content: prompt }] } },
    priority: random.pick(['interactive', 'standard', 'batch']),
    sensitivity: random.pick(['public', 'internal', 'restricted']),
  }
  const asksTwice = random.next() < 0.1
  const key = randomUUID()
  const id = await cluster.submit(job, key)
  if (asksTwice && (await cluster.submit(job, key)) !== id) throw new Error('one key, two jobs')
  return { id, stream, answer: answerTo(prompt) }
}
