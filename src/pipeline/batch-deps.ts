import type { BatchStore } from '../core/batch-store.ts'
import type { Tenant } from '../core/tenant.ts'
import type { AcceptDeps } from './accept-job.ts'
import type { ResponseDeps } from './find-response.ts'
import type { ValidateDeps } from './validate-batch.ts'

/** What it takes to run batches. */
export interface BatchDeps extends ValidateDeps, ResponseDeps {
  readonly batches: BatchStore
  readonly accept: AcceptDeps
  /** A tenant as configured now, acting with this key; null for one that is no longer there. */
  readonly tenantOf: (name: string, keyId: string) => Tenant | null
  /** How long files are kept, in milliseconds. */
  readonly fileRetentionMs: number
}
