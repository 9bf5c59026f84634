import type { JobId } from '../core/job.ts'
import type { LeaseDesk } from '../core/lease-desk.ts'
import type { LeasePass, NodeIdentity } from '../core/node-pass.ts'
import { type NodeHandler, type NodeServiceDeps, openAttempt, openLease } from './node-service.ts'

type LeaseCall = 'claim' | 'renew' | 'complete' | 'release' | 'stops' | 'hand-over'

/** The queue entries that a node holds. The locks are in Redis, so any process of the API serves any of these calls. */
export function leaseHandlers(deps: NodeServiceDeps): { readonly [Call in LeaseCall]: NodeHandler<Call> } {
  return {
    async claim(who, { max, maxBatch, waitMs }, gone) {
      const desk = await deps.deskOf(who.pool)
      const taken = await desk.take({ max, maxBatch }, waitMs, gone)
      // Whoever asked has gone: left alone, the entries would wait for the end of their leases.
      if (gone.aborted) {
        await Promise.all(taken.map(({ lease }) => desk.handBack(lease)))
        return { entries: [] }
      }
      return {
        entries: taken.map(({ lease, entry }) => {
          const { id, hop, deployment } = entry
          return { ...entry, lease: deps.passes.seal({ kind: 'lease', ...who, lease, job: id, hop, deployment }) }
        }),
      }
    },

    async renew(who, { leases, attempts }) {
      const desk = await deps.deskOf(who.pool)
      const held = leases.map((sealed) => ({ sealed, ...openLease(sealed, who, deps) }))
      const lost = new Set(await desk.renew(held.map(({ lease }) => lease)))
      return {
        lostLeases: held.filter(({ lease }) => lost.has(lease)).map(({ sealed }) => sealed),
        lostAttempts: await lostAmong(attempts, who, deps),
      }
    },

    async complete(who, { leases }) {
      const desk = await deps.deskOf(who.pool)
      await endAll(
        leases.map((sealed) => openLease(sealed, who, deps)),
        desk,
        deps,
      )
      return {}
    },

    async release(who, { leases }) {
      const desk = await deps.deskOf(who.pool)
      await Promise.all(leases.map((sealed) => desk.handBack(openLease(sealed, who, deps).lease)))
      return {}
    },

    async stops(who, { attempts, waitMs }, gone) {
      const stopped = new Set<JobId>()
      const heard = Promise.withResolvers<void>()
      const leave = await deps.stops.listen(who.node, (id) => {
        stopped.add(id)
        heard.resolve()
      })
      try {
        // After listening has begun: what was stopped before that shows here, what is stopped later is heard.
        const lostAttempts = await lostAmong(attempts, who, deps)
        if (lostAttempts.length === 0) await untilFirst(heard.promise, waitMs, AbortSignal.any([gone, deps.stopping]))
        return { stopped: [...stopped], lostAttempts }
      } finally {
        leave()
      }
    },

    /** Where a job belongs is read from the job itself; a node can't send one anywhere. */
    async 'hand-over'(who, { lease, traceparent }) {
      const { job } = openLease(lease, who, deps)
      // No job waits for its hop 0, so this claims nothing.
      const now = await deps.store.startAttempt(job, { hop: 0, ...who, nowMs: Date.now(), gate: null })
      if (now.kind !== 'superseded') return {}
      const { lane, hop, deployment, readyAtMs } = now
      await deps.queues.addToLane(lane, { id: job, hop, deployment, delayMs: readyAtMs - Date.now(), traceparent })
      return {}
    },
  }
}

/**
 * A job that still runs by this very hand-over has nobody who works on it: another claim came in between and was lost.
 * Its entry is delivered again, because without one the job would run for ever.
 */
async function endAll(held: readonly LeasePass[], desk: LeaseDesk, { checks }: NodeServiceDeps): Promise<void> {
  const areRunning = await checks.running(held)
  await Promise.all(held.map(({ lease }, index) => (areRunning[index] ? desk.handBack(lease) : desk.complete(lease))))
}

async function lostAmong(attempts: readonly string[], who: NodeIdentity, deps: NodeServiceDeps): Promise<string[]> {
  const claims = attempts.flatMap((sealed) => {
    const { job, fence } = openAttempt(sealed, who, deps)
    return fence === null ? [] : [{ sealed, job, fence }]
  })
  const areLost = await deps.checks.lost(claims)
  return claims.filter((_, index) => areLost[index]).map(({ sealed }) => sealed)
}

async function untilFirst(event: Promise<void>, waitMs: number, gone: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, waitMs)
  gone.addEventListener('abort', () => over.resolve(), { once: true })
  if (gone.aborted) over.resolve()
  await Promise.race([event, over.promise])
  clearTimeout(timer)
}
