import type { AnswerCache } from '../core/answer-cache.ts'
import type { JobShredder, QueuedEntries } from '../core/erasure.ts'
import type { JobRecord } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import type { Catalogue } from '../core/routing.ts'
import { cancelJob } from './cancel-job.ts'
import { forgetJobWebhooks } from './forget-webhooks.ts'

export interface DeleteJobDeps {
  readonly store: JobStore
  readonly catalogue: Catalogue
  readonly shredder: JobShredder
  readonly entries: QueuedEntries
  readonly answers: Pick<AnswerCache, 'forget'>
  readonly webhooks: Parameters<typeof forgetJobWebhooks>[1]
  readonly now: () => number
}

/**
 * Deletes a job of any kind, a response among them, with all that was said in it and told of it. One that is at work is
 * cancelled first. From then on nobody can bring anything back: every later write asks for a job that has not ended, or
 * that was not destroyed.
 */
export async function deleteJob({ id, spec }: JobRecord, keyId: string, deps: DeleteJobDeps): Promise<void> {
  const { store, shredder, entries } = deps
  await cancelJob(id, deps)
  const ended = await store.read(id)
  if (!ended) return
  await entries.drop([id])
  // Before, so that a process that dies in between leaves nothing that nobody would look for; and after, because until
  // the job is destroyed others may still write something down.
  await forgetCopies(ended, ended.cacheKey ?? null, deps)
  const record = { kind: 'action', job: id, atMs: deps.now(), action: 'delete', ...byTenant(keyId), run: null } as const
  const [shredded] = await shredder.shred([id], spec.tenant, { freesKey: true, record })
  await forgetCopies(ended, shredded?.cacheKey ?? null, deps)
}

function byTenant(byKey: string) {
  return { by: 'tenant', byKey } as const
}

async function forgetCopies(job: JobRecord, cacheKey: string | null, deps: DeleteJobDeps): Promise<void> {
  await forgetJobWebhooks(job, deps.webhooks)
  if (cacheKey !== null) await deps.answers.forget(cacheKey, job.id)
}
