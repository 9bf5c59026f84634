import type { FastifyReply } from 'fastify'
import type { JobId, JobSpec } from '../core/job.ts'
import type { HttpDeps } from './deps.ts'

/**
 * Destroys a response that is not to be stored once its end, which is in this answer, has gone out. A reader that hung up
 * before has not got it: then it stays until it is read again, or expires.
 */
export function shredWhenDelivered(reply: FastifyReply, job: { id: JobId; spec: JobSpec }, deps: HttpDeps): void {
  if (job.spec.response?.store !== false) return
  const { raw } = reply
  const look = () => {
    if (!raw.writableFinished) return
    deps.responses.shred(job.id, job.spec.tenant).catch((error: unknown) => {
      deps.log.warn({ err: error, job: job.id }, 'a response that is not to be stored is kept until it expires')
    })
  }
  if (raw.closed) look()
  else raw.once('close', look)
}
