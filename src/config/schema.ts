/**
 * The shape of `sluice.yaml`. Every key, its default and its limits are here, in `schema-models.ts`,
 * `schema-deployments.ts`, `schema-tenants.ts` and `schema-auditor.ts`; what several keys must agree on is in `cross-checks.ts`. Names are those of the file;
 * durations are text in the file and milliseconds here, and what is secret becomes a `Secret`.
 */
import { z } from 'zod'
import { residencies } from '../core/vocabulary.ts'
import { leaseDuration, longDuration, timerDuration, waitDuration } from './duration.ts'
import { auditor } from './schema-auditor.ts'
import { blobs } from './schema-blobs.ts'
import { cidr, redisUrl } from './schema-fields.ts'
import { models, pools } from './schema-models.ts'
import { tenants } from './schema-tenants.ts'

const server = z
  .strictObject({
    host: z.string().min(1).max(255).default('127.0.0.1').describe('Address to listen on.'),
    port: z.int().min(0).max(65_535).default(4000).describe('Port to listen on; 0 takes a free one.'),
    max_body_mb: z.int().min(1).max(512).default(16).describe('Largest request body, in MiB.'),
    max_wait: waitDuration
      .prefault('50s')
      .describe('How long a call is held for its answer before a redirect (303) leads to where to wait on.'),
    max_open_jobs: z
      .int()
      .min(1)
      .max(100_000_000)
      .default(100_000)
      .describe('Jobs that are not finished, over all tenants; more are refused with `queue_full`.'),
  })
  .prefault({})
  .describe('The HTTP server.')

const redis = z
  .strictObject({
    url: redisUrl.optional().describe('redis:// or rediss:// URL, or the path of a Unix socket. Absent: an own one.'),
  })
  .prefault({})
  .describe('Where queues and jobs live.')

const retry = z
  .strictObject({
    max_attempts: z.int().min(1).max(100).default(6).describe('Attempts per job, over all its deployments.'),
    base_delay: timerDuration
      .prefault('500ms')
      .describe('Wait after the first failure; doubles with each further one.'),
    max_delay: timerDuration.prefault('30s').describe('The longest wait between two attempts.'),
  })
  .prefault({})
  .describe('How failed attempts are repeated.')

const breaker = z
  .strictObject({
    failures: z
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .describe('Failures in a row after which a deployment is left alone.'),
    window: timerDuration.prefault('60s').describe('Failures that are older do not count.'),
    open: timerDuration.prefault('10s').describe('How long it is left alone; doubles with every probe that fails.'),
    max_open: timerDuration.prefault('2m').describe('The longest that it is left alone.'),
  })
  .prefault({})
  .describe('When a deployment that fails is left alone for a while, by all dispatchers together.')

const nodes = z
  .strictObject({
    heartbeat: timerDuration.prefault('3s').describe('How often a node reports; one that misses three is lost.'),
    look_ahead: z
      .int()
      .min(0)
      .max(1_000)
      .default(24)
      .describe('Jobs that a node of an on-premises pool takes ahead, to serve those of its loaded model together.'),
    max_wait: timerDuration
      .prefault('30s')
      .describe('How long a job may wait at a node while others overtake it because their model is loaded.'),
  })
  .prefault({})
  .describe('Dispatchers and the machines they run on.')

const cache = z
  .strictObject({
    url: redisUrl
      .optional()
      .describe('Another Redis for cached answers, one that may evict. Absent: that of the queues.'),
    residency: z
      .enum(residencies)
      .default('cloud')
      .describe('Where that Redis stands: answers to restricted jobs are kept on-premises only.'),
    max_mb: z.int().min(1).max(1_048_576).default(256).describe('Room for cached answers, in MiB, over all tenants.'),
  })
  .prefault({})
  .describe('Where answers are kept for models that have a `cache`.')

const retention = z
  .strictObject({
    results: longDuration.prefault('24h').describe('Finished jobs with their results.'),
    events: longDuration.prefault('1h').describe('The event log of a finished job, from which streams resume.'),
    files: longDuration.prefault('30d').describe('Uploaded and generated files.'),
    dead_letters: longDuration.prefault('7d').describe('Failed jobs with what it takes to run them again.'),
    deliveries: longDuration.prefault('7d').describe('The log of webhooks that were sent, from their last attempt.'),
  })
  .prefault({})
  .describe('How long things are kept.')

const webhooks = z
  .strictObject({
    allow_networks: z
      .array(cidr)
      .max(100)
      .default([])
      .describe('Private or local networks, in CIDR notation, that webhooks may be sent to.'),
    allow_http: z.boolean().default(false).describe('Whether webhooks may be sent to http:// URLs.'),
    disable_after: longDuration
      .prefault('5d')
      .describe('An endpoint that has only failed for so long is disabled, and its tenant told.'),
  })
  .prefault({})
  .describe('Where webhooks may be sent.')

const leases = z
  .strictObject({
    duration: leaseDuration
      .prefault('10s')
      .describe('How long a worker may be silent before its jobs are handed to another.'),
  })
  .prefault({})
  .describe('When a worker counts as lost.')

const deadlines = z
  .strictObject({
    interactive: longDuration.prefault('10m').describe('For jobs of priority interactive.'),
    standard: longDuration.prefault('24h').describe('For jobs of priority standard.'),
    batch: longDuration.prefault('24h').describe('For jobs of priority batch.'),
  })
  .prefault({})
  .describe('When a job expires whose request names no deadline.')

export const configSchema = z
  .strictObject({
    server,
    redis,
    data_dir: z.string().min(1).max(4096).default('./data').describe('Folder for what Sluice keeps on disk.'),
    blobs,
    pools,
    models,
    retry,
    breaker,
    nodes,
    cache,
    tenants,
    auditor,
    retention,
    webhooks,
    leases,
    deadlines,
  })
  .describe('Configuration of Sluice.')

/** The checked configuration. Durations are milliseconds. */
export type Config = z.output<typeof configSchema>
/** What a file may say. */
export type ConfigInput = z.input<typeof configSchema>
