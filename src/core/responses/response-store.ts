import type { JobId } from '../job.ts'
import type { QueuePlace } from '../queue-place.ts'

/** What only responses need of the store. */
export interface ResponseStore {
  /** What was kept of the request, opened; null when it has expired or was shredded. */
  readRequest(id: JobId): Promise<string | null>
  /** Tells the readers of a job that has not begun where it stands, as one more of its events. */
  tellPlace(id: JobId, place: QueuePlace): Promise<void>
  /**
   * Destroys all content of a job that has ended: request, body, vault, answer, events. From then on the job is unknown to
   * its tenant; what remains says whose it was and what it cost. False when there was nothing to destroy, or when it has
   * not ended.
   */
  shred(id: JobId, tenant: string): Promise<boolean>
}
