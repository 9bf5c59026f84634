import type { Auditing } from '../core/auditing.ts'
import type { JobStore } from '../core/ports.ts'
import type { QueuePlaces } from '../core/queue-place.ts'
import type { ResponseStore } from '../core/responses/response-store.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import type { EventHub } from '../delivery/event-hub.ts'
import type { AcceptDeps } from '../pipeline/accept-job.ts'
import type { DeadLetterDeps } from '../pipeline/dead-letter-batches.ts'
import type { DeleteJobDeps } from '../pipeline/delete-job.ts'
import type { WebhookDeps } from '../pipeline/manage-endpoints.ts'
import type { KeyRing } from './auth.ts'
import type { ReaderWatch } from './reader-watch.ts'
import type { AdminDeps } from './routes/admin.ts'
import type { BatchRouteDeps } from './routes/batches.ts'
import type { NodeDeps } from './routes/nodes.ts'

/** What the routes need; `compose.ts` puts it together. */
export interface HttpDeps {
  readonly accept: AcceptDeps
  readonly store: JobStore
  readonly responses: ResponseStore
  readonly auditing: Auditing
  readonly deleting: DeleteJobDeps
  readonly admin: AdminDeps
  /** Absent where no node works over HTTPS. */
  readonly nodes?: NodeDeps | undefined
  readonly deadLetters: DeadLetterDeps
  readonly webhooks: WebhookDeps
  /** For files and batches. */
  readonly batches: BatchRouteDeps
  readonly hub: EventHub
  readonly keyRing: KeyRing
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly modelNames: readonly string[]
  readonly startedAtMs: number
  readonly maxBodyBytes: number
  readonly metricsText: () => Promise<string>
  /** Resolves when the process can do its work; rejects with the reason when not. */
  readonly checkReady: () => Promise<void>
  readonly readers: ReaderWatch
  readonly places: QueuePlaces
  /** How long a chat may be waited for before it goes on by a redirect, in milliseconds. */
  readonly chatWaitMs: number
}
