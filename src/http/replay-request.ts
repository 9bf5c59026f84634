import { z } from 'zod'
import { BrokerError } from '../core/errors.ts'
import { priorities } from '../core/vocabulary.ts'
import type { ReplayOptions } from '../pipeline/replay-job.ts'
import { deadlineToMs } from './request-headers.ts'
import { acceptedJob, closedObject, deadlineField, jobObject } from './schemas.ts'

export const replayFields = {
  model: z.string().min(1).max(200).optional().describe('Another model than before.'),
  priority: z.enum(priorities).optional(),
  deadline: deadlineField.optional(),
  dry_run: z.boolean().default(false).describe('Only says who would serve it and what that would cost.'),
}

/** A body is not needed: nothing at all runs the job again as it was. */
export const replayRequest = closedObject(replayFields).nullish()

export const replayedJob = acceptedJob.extend({ replay_of: jobObject.shape.replay_of }).meta({ id: 'ReplayedJob' })

/** @throws BrokerError `invalid_request` for a deadline that has passed. */
export function readReplayOptions(
  body: { model?: string | undefined; priority?: ReplayOptions['priority']; deadline?: number | string | undefined },
  nowMs: number,
): ReplayOptions {
  const { model, priority, deadline } = body
  const refuse = (rule: string) =>
    new BrokerError('invalid_request', `Invalid field deadline: ${rule}.`, { param: 'deadline' })
  return { model, priority, deadlineMs: deadline === undefined ? undefined : deadlineToMs(deadline, nowMs, refuse) }
}
