import { type BatchRecord, isBatchEnd, parseCompletionWindow } from '../core/batch.ts'
import { customIdOf, hashCustomId } from '../core/batch-line.ts'
import { BlobMissingError } from '../core/blob-store.ts'
import { BrokerError } from '../core/errors.ts'
import type { FileId } from '../core/file.ts'
import type { Tenant } from '../core/tenant.ts'
import { isBlank, splitLines } from '../core/text-lines.ts'
import { type CreateBatchDeps, createBatch } from './create-batch.ts'
import { readFileContent } from './read-file.ts'
import { Upload } from './store-file.ts'

const anyLength = Number.MAX_SAFE_INTEGER
const lineEnd = Buffer.from('\n')

/**
 * Runs the lines of an ended batch that have no answer again, as a new batch: those in its error file, with the requests
 * of its input file as they were. @throws BrokerError `batch_not_retryable`
 */
export async function retryBatch(
  batch: BatchRecord,
  caller: { tenant: Tenant; idempotencyKey?: string | undefined; nowMs: number; fileTtlMs: number },
  deps: CreateBatchDeps,
): Promise<BatchRecord> {
  const { spec, errorFile } = batch
  if (!isBatchEnd(batch.status)) throw refusal('It has not ended.')
  if (errorFile === null) throw refusal('None of its lines failed.')
  const upload = new Upload(deps)
  try {
    await upload.receive(failedLines(spec.inputFile, await namesIn(errorFile, deps), deps))
  } catch (error) {
    await upload.discard()
    if (error instanceof BlobMissingError) throw refusal('Its files are no longer kept.')
    throw error
  }
  const { tenant, idempotencyKey, nowMs, fileTtlMs } = caller
  const facts = {
    tenant: tenant.name,
    filename: `${batch.id}_retry.jsonl`,
    purpose: 'batch',
    ttlMs: fileTtlMs,
  } as const
  const { id: inputFile } = await upload.keep(facts, nowMs)
  const windowMs = parseCompletionWindow(spec.completionWindow) ?? 0
  const wish = { ...spec, inputFile, createdAtMs: nowMs, expiresAtMs: nowMs + windowMs, retryOf: batch.id }
  return createBatch(wish, { tenant, idempotencyKey }, deps)
}

/** The names of the lines of an error file, as hashes. */
async function namesIn(file: FileId, deps: CreateBatchDeps): Promise<ReadonlySet<string>> {
  if ((await deps.files.read(file)) === null) throw refusal('Its error file is no longer kept.')
  const names = new Set<string>()
  for await (const { bytes } of splitLines(readFileContent(file, deps), { maxBytes: anyLength })) {
    if (bytes) names.add(hashCustomId(customIdOf(bytes)))
  }
  return names
}

async function* failedLines(input: FileId, names: ReadonlySet<string>, deps: CreateBatchDeps): AsyncGenerator<Buffer> {
  if ((await deps.files.read(input)) === null) throw refusal('Its input file is no longer kept.')
  for await (const line of splitLines(readFileContent(input, deps), { maxBytes: anyLength })) {
    if (isBlank(line) || line.bytes === null || !names.has(hashCustomId(customIdOf(line.bytes)))) continue
    yield line.bytes
    yield lineEnd
  }
}

function refusal(message: string): BrokerError {
  return new BrokerError('batch_not_retryable', message, { param: 'id' })
}
