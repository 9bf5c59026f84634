import { MultiBar } from 'cli-progress'
import { formatBytes, formatDuration } from '../client/terminal-text.ts'

/** How far a run is. Bytes and chunks of an earlier run (`held`) count as done, but not for the rate. */
export interface Snapshot {
  readonly done: number
  readonly failed: number
  readonly held: number
  readonly bytesDone: number
  readonly bytesHeld: number
  /** Null where nobody knows it before the end. */
  readonly bytesTotal: number | null
}

export interface Progress {
  /** Shows a message without tearing the bar. */
  note(text: string): void
  stop(): void
}

/** How much of the past the rate and the time that is left are taken from. */
const windowMs = 15_000
const plainIntervalMs = 5_000
const barIntervalMs = 250

/** Shows how far a run is on stderr: as a bar on a terminal, otherwise as a line every few seconds. */
export function startProgress(
  read: () => Snapshot,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): Progress {
  return stream.isTTY ? startBar(read, stream) : startLines(read, stream)
}

function startLines(read: () => Snapshot, stream: NodeJS.WritableStream): Progress {
  const pace = new Pace()
  const write = (text: string) => stream.write(`${text}\n`)
  pace.add(read(), Date.now())
  const timer = setInterval(() => write(`progress: ${describeProgress(read(), pace, Date.now())}`), plainIntervalMs)
  return { note: (text) => write(`note: ${text}`), stop: () => clearInterval(timer) }
}

function startBar(read: () => Snapshot, stream: NodeJS.WritableStream): Progress {
  const pace = new Pace()
  const first = read()
  pace.add(first, Date.now())
  const bars = new MultiBar({
    stream,
    format: first.bytesTotal === null ? '{text}' : '[{bar}] {percentage}% {text}',
    barsize: 24,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    hideCursor: null,
    linewrap: null,
    clearOnComplete: true,
    // Ctrl-C is the command's business.
    gracefulExit: false,
    emptyOnZero: true,
  })
  const bar = bars.create(first.bytesTotal ?? 0, first.bytesDone, { text: '' })
  const draw = () => {
    const snapshot = read()
    if (snapshot.bytesTotal !== null) bar.setTotal(Math.max(snapshot.bytesTotal, snapshot.bytesDone))
    bar.update(snapshot.bytesDone, { text: describeProgress(snapshot, pace, Date.now(), { percentage: false }) })
  }
  draw()
  const timer = setInterval(draw, barIntervalMs)
  return {
    note: (text) => bars.log(`note: ${text}\n`),
    stop: () => {
      clearInterval(timer)
      // The last notes are still in the bar's hands.
      bars.update()
      bars.stop()
    },
  }
}

/** The past of a run, as far as its pace is judged by it. */
export class Pace {
  #samples: { atMs: number; jobs: number; bytes: number }[] = []

  add(snapshot: Snapshot, atMs: number): void {
    this.#samples.push({
      atMs,
      jobs: snapshot.done + snapshot.failed,
      bytes: snapshot.bytesDone - snapshot.bytesHeld,
    })
    // One sample from before the window stays, as the point to measure from.
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - windowMs) this.#samples.shift()
  }

  /** Per second; null before there is anything to go by. */
  rates(): { jobs: number; bytes: number } | null {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.atMs - first.atMs < 200) return null
    const seconds = (last.atMs - first.atMs) / 1000
    return { jobs: (last.jobs - first.jobs) / seconds, bytes: (last.bytes - first.bytes) / seconds }
  }
}

/** `120 done, 2 failed, 34% of 12.3 MiB, 41.0 jobs/s, about 20.1s left`. */
export function describeProgress(
  snapshot: Snapshot,
  pace: Pace,
  nowMs: number,
  show: { percentage: boolean } = { percentage: true },
): string {
  pace.add(snapshot, nowMs)
  const { done, failed, held, bytesDone, bytesTotal } = snapshot
  const rates = pace.rates()
  const parts = [`${done + held} done`, `${failed} failed`]
  if (bytesTotal === null) parts.push(`${formatBytes(bytesDone)} so far`)
  else if (show.percentage) parts.push(`${percent(bytesDone, bytesTotal)}% of ${formatBytes(bytesTotal)}`)
  if (rates) parts.push(`${rates.jobs.toFixed(1)} jobs/s`)
  if (rates && rates.bytes > 0 && bytesTotal !== null && bytesTotal > bytesDone) {
    parts.push(`about ${formatDuration(((bytesTotal - bytesDone) / rates.bytes) * 1000)} left`)
  }
  return parts.join(', ')
}

/** Rounded down, so that 100 is said when everything is done and not before. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.min(100, Math.floor((part / whole) * 100))
}
