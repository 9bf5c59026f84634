import { createHash } from 'node:crypto'
import { type BatchRecord, type BatchSpec, createBatchId, isBatchId } from '../core/batch.ts'
import type { BatchStore } from '../core/batch-store.ts'
import { BrokerError } from '../core/errors.ts'
import { isFileId } from '../core/file.ts'
import type { Tenant } from '../core/tenant.ts'
import type { FileDeps } from './read-file.ts'

export interface CreateBatchDeps extends FileDeps {
  readonly batches: BatchStore
}

/** A file of this tenant; another tenant's is as unknown as none. @throws BrokerError `file_not_found` */
export async function requireFile(id: string, tenant: Tenant, { files }: Pick<FileDeps, 'files'>, param = 'id') {
  const file = isFileId(id) ? await files.read(id) : null
  if (file?.tenant !== tenant.name) throw new BrokerError('file_not_found', undefined, { param })
  return file
}

/** A batch of this tenant. @throws BrokerError `batch_not_found` */
export async function requireBatch(
  id: string,
  tenant: Tenant,
  { batches }: Pick<CreateBatchDeps, 'batches'>,
): Promise<BatchRecord> {
  const batch = isBatchId(id) ? await batches.read(id) : null
  if (batch?.spec.tenant !== tenant.name) throw new BrokerError('batch_not_found', undefined, { param: 'id' })
  return batch
}

export type BatchWish = Omit<BatchSpec, 'inputFile' | 'tenant' | 'keyId'> & { readonly inputFile: string }

/**
 * Takes a batch in. When it resolves, the batch survives the death of any process; a courier looks through its file.
 * @throws BrokerError `file_not_found`, `invalid_request`, `idempotency_key_reused`
 */
export async function createBatch(
  wish: BatchWish,
  caller: { tenant: Tenant; idempotencyKey?: string | undefined },
  deps: CreateBatchDeps,
): Promise<BatchRecord> {
  const { tenant, idempotencyKey: key } = caller
  const file = await requireFile(wish.inputFile, tenant, deps, 'input_file_id')
  if (file.purpose !== 'batch') {
    throw new BrokerError('invalid_request', 'Invalid field input_file_id: expected a file of purpose `batch`.', {
      param: 'input_file_id',
    })
  }
  const id = createBatchId()
  const spec: BatchSpec = { ...wish, inputFile: file.id, tenant: tenant.name, keyId: tenant.keyId }
  const idempotency = key === undefined ? undefined : { key, fingerprint: fingerprintOf(spec) }
  const result = await deps.batches.create(id, spec, idempotency)
  if (result.kind === 'gone') throw new BrokerError('file_not_found', undefined, { param: 'input_file_id' })
  if (result.kind === 'created') return requireBatch(id, tenant, deps)
  if (result.fingerprint !== idempotency?.fingerprint) {
    throw new BrokerError('idempotency_key_reused', undefined, { param: 'Idempotency-Key' })
  }
  return requireBatch(result.id, tenant, deps)
}

function fingerprintOf({ inputFile, endpoint, completionWindow, metadata, outputTtlMs, ...rest }: BatchSpec): string {
  const { sensitivity, tags, retryOf } = rest
  const facts = [inputFile, endpoint, completionWindow, metadata, outputTtlMs, sensitivity, tags, retryOf]
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url')
}
