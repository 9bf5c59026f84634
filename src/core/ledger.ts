import type { AuditFacts, JobOwner, LedgerRow, StreamedRecord } from './record-archive.ts'

/** Stands in the trail for the tenant of a job that was forgotten before its records were read. */
export const unknownTenant = '_unknown'

/** The ledger's row for an attempt; null for other records. */
export function toLedgerRow({ id, record }: StreamedRecord, owner: JobOwner | null): LedgerRow | null {
  if (record.kind !== 'attempt') return null
  const { usage } = record
  return {
    id,
    attempt: record.attemptId,
    job: record.job,
    tenant: owner?.tenant ?? unknownTenant,
    key: owner?.key ?? '',
    model: owner?.model ?? '',
    deployment: record.deployment,
    pool: record.pool,
    outcome: record.outcome,
    status: record.status,
    tokens_in: usage?.prompt_tokens ?? 0,
    tokens_out: usage?.completion_tokens ?? 0,
    tokens_cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    tokens_reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
    estimated: record.isEstimated,
    micro_usd: record.cost,
    tags: owner?.tags ?? {},
    priority: owner?.priority ?? null,
    class: owner?.sensitivity ?? null,
    queued_ms: owner?.createdAtMs ?? null,
    started_ms: record.atMs - record.ms,
    finished_ms: record.atMs,
    first_token_ms: record.firstTokenMs,
  }
}

/** What the audit trail says of a record. */
export function toAuditFacts({ id, record }: StreamedRecord, owner: JobOwner | null): AuditFacts {
  const { kind, job, atMs } = record
  if (record.kind === 'erasure') {
    const { tenant, phase, beforeMs, deleted, isComplete } = record
    return {
      ...{ id, at: atMs, tenant, kind, job },
      facts: { phase, by: 'operator', before: beforeMs, deleted, complete: isComplete },
    }
  }
  const place = { id, at: atMs, tenant: owner?.tenant ?? unknownTenant, kind, job }
  const whose = { key: owner?.key ?? '', model: owner?.model ?? '' }
  if (record.kind === 'decision') {
    const { asked, sensitivity, reason, found, masked, detectors, candidates, reserved } = record
    return {
      ...place,
      facts: { ...whose, asked, class: sensitivity, reason, found, masked, detectors, candidates, reserved },
    }
  }
  if (record.kind === 'attempt') {
    const { attemptId, deployment, pool, outcome, status, cost } = record
    const sensitivity = owner?.sensitivity ?? null
    return {
      ...place,
      facts: { ...whose, attempt: attemptId, class: sensitivity, deployment, pool, outcome, status, cost },
    }
  }
  if (record.kind === 'action') {
    const { action, by, byKey, run } = record
    return { ...place, facts: { ...whose, action, by, by_key: byKey, run } }
  }
  if (record.kind === 'answer') {
    const { found, policy } = record
    return { ...place, facts: { ...whose, found, policy } }
  }
  const { status, errorCode, attempts } = record
  return { ...place, facts: { ...whose, status, error: errorCode, attempts } }
}
