import { noThroughput, type Throughput } from '../core/queue-place.ts'

/** How a throughput is kept: three numbers. */
export function formatThroughput({ atMs, jobs, busyMs }: Throughput): string {
  return JSON.stringify([atMs, jobs, busyMs])
}

/** What was never measured is none. */
export function parseThroughput(text: string | null | undefined): Throughput {
  if (!text) return noThroughput
  const [atMs = 0, jobs = 0, busyMs = 0] = JSON.parse(text) as number[]
  return { atMs, jobs, busyMs }
}
