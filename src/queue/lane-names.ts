import type { Lane } from '../core/ports.ts'
import { type Priority, priorities, type Residency, type Sensitivity, sensitivities } from '../core/vocabulary.ts'

/** A queue that a worker takes from, and how eagerly. */
export interface QueueName {
  readonly name: string
  readonly priority: Priority
}

export function intakeName(priority: Priority, sensitivity: Sensitivity): string {
  return `intake.${priority}.${sensitivity}`
}

export function laneName(lane: Lane): string {
  return `lane.${lane.pool}.${lane.sensitivity}.${lane.priority}`
}

/** All intake queues, in the order in which an auditor looks at them. */
export function intakeQueues(): QueueName[] {
  return priorities.flatMap((priority) =>
    sensitivities.map((sensitivity) => ({ name: intakeName(priority, sensitivity), priority })),
  )
}

/**
 * The lanes that a dispatcher of this pool may take from, in the order in which it looks at them. The trust boundary
 * starts here: a cloud pool has no restricted lane to subscribe to.
 */
export function laneQueues(pool: string, residency: Residency): QueueName[] {
  const visible = sensitivities.filter((sensitivity) => residency === 'onprem' || sensitivity !== 'restricted')
  return priorities.flatMap((priority) =>
    visible.map((sensitivity) => ({ name: laneName({ pool, sensitivity, priority }), priority })),
  )
}

/** The priority that a queue's name ends with. @throws RangeError for a name that is none of a lane's. */
export function priorityOf(queue: string): Priority {
  const last = queue.slice(queue.lastIndexOf('.') + 1)
  const priority = priorities.find((each) => each === last)
  if (!priority) throw new RangeError(`${queue} is no lane`)
  return priority
}

/** The class that stands before the priority in a lane's name. @throws RangeError for a name that is none of a lane's. */
export function sensitivityOf(queue: string): Sensitivity {
  const found = sensitivities.find((each) => queue.endsWith(`.${each}.${priorityOf(queue)}`))
  if (!found) throw new RangeError(`${queue} is no lane`)
  return found
}
