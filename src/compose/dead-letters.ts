import type { Redis } from 'ioredis'
import type { Config } from '../config/schema.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import type { Tenant } from '../core/tenant.ts'
import type { AcceptDeps } from '../pipeline/accept-job.ts'
import { createBurial } from '../pipeline/bury-jobs.ts'
import type { DeadLetterDeps } from '../pipeline/dead-letter-batches.ts'
import { RedisDeadLetters } from '../store/dead-letters.ts'

/** For a courier: takes failed jobs among the dead letters. */
export function deadLetterObserver(config: Config, redis: Redis): RecordObserver {
  return createBurial(openDeadLetters(config, redis), Date.now)
}

/** For the API: what operators do with dead letters. */
export function createDeadLetterDeps(config: Config, redis: Redis, accept: AcceptDeps): DeadLetterDeps {
  return {
    accept,
    deadLetters: openDeadLetters(config, redis),
    tenantOf: (name, keyId) => {
      const tenant = tenantOf(config, name)
      return tenant && { ...tenant, keyId }
    },
  }
}

/** A tenant as it is configured; null for a name that is not. */
export function tenantOf({ tenants }: Config, name: string): Omit<Tenant, 'keyId'> | null {
  const tenant = tenants[name]
  if (!tenant) return null
  const { sensitivity, models, webhook_secret } = tenant
  return { name, sensitivity, models, hasWebhookSecret: webhook_secret !== undefined }
}

function openDeadLetters({ retention }: Config, redis: Redis): RedisDeadLetters {
  return new RedisDeadLetters({
    redis,
    retentionMs: retention.dead_letters,
    resultRetentionMs: retention.results,
  })
}
