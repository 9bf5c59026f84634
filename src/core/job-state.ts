/**
 * The life of a job, in one place.
 *
 *   status   queued ─────────────────────────────→ in_progress ──────────────→ completed
 *   stage    intake ──audit──→ auditing ──route──→ waiting ──start──→ running ──complete──┘
 *               │                 │                   │              ↑     │
 *               │                 │                   │           start   retry
 *               │                 │                   │              │     ↓
 *               │                 │                   │            retrying
 *               └─────────────────┴──reject──→ rejected
 *   answered without a call: auditing or waiting ─recall→ completed
 *   and from every stage that is not an end:  fail → failed · cancel → cancelled · expire → expired
 *
 * Where the API's process is an auditor too, an interactive job is audited before it is stored and begins in `waiting`.
 * `audit` and `start` may happen again in the stage they lead to: the worker before this one died, and its queue
 * delivered the job once more. Nothing leaves an end. The store compiles this table into its Lua scripts, so that the
 * check and the change are one atomic step and no process can make a transition that is not drawn here.
 */
export const stages = [
  'intake',
  'auditing',
  'waiting',
  'running',
  'retrying',
  'completed',
  'failed',
  'cancelled',
  'expired',
  'rejected',
] as const
export type Stage = (typeof stages)[number]

export type JobStatus = 'queued' | 'in_progress' | TerminalStatus
export type TerminalStatus = 'completed' | 'failed' | 'cancelled' | 'expired' | 'rejected'

const open: readonly Stage[] = ['intake', 'auditing', 'waiting', 'running', 'retrying']

export const transitions = {
  audit: { from: ['intake', 'auditing'], to: 'auditing' },
  route: { from: ['auditing'], to: 'waiting' },
  start: { from: ['waiting', 'retrying', 'running'], to: 'running' },
  retry: { from: ['running'], to: 'retrying' },
  complete: { from: ['running'], to: 'completed' },
  recall: { from: ['auditing', 'waiting'], to: 'completed' },
  reject: { from: ['intake', 'auditing'], to: 'rejected' },
  fail: { from: open, to: 'failed' },
  cancel: { from: open, to: 'cancelled' },
  expire: { from: open, to: 'expired' },
} as const satisfies Record<string, { from: readonly Stage[]; to: Stage }>

export type Transition = keyof typeof transitions
/** The transitions that end a job. */
export type Ending = 'complete' | 'recall' | 'reject' | 'fail' | 'cancel' | 'expire'

/** The word a client sees for a stage. */
export function statusOf(stage: Stage): JobStatus {
  if (stage === 'intake' || stage === 'auditing' || stage === 'waiting') return 'queued'
  if (stage === 'running' || stage === 'retrying') return 'in_progress'
  return stage
}

export function isTerminal(status: JobStatus): status is TerminalStatus {
  return status !== 'queued' && status !== 'in_progress'
}
