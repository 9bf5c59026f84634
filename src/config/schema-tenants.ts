import { z } from 'zod'
import { sensitivities } from '../core/vocabulary.ts'
import { apiKey, tenantsOf, webhookSecret } from './schema-fields.ts'

const budget = z
  .strictObject({
    usd: z.number().positive({ error: 'must be more than 0' }).max(1_000_000_000).describe('US dollars.'),
    per: z.enum(['day', 'month']).describe('The period after which it starts anew.'),
  })
  .describe('What the tenant may spend in a period.')

const limits = z
  .strictObject({
    rpm: z.int().min(1).max(1_000_000_000).optional().describe('Requests per minute.'),
    tpm: z.int().min(1).max(1_000_000_000).optional().describe('Tokens per minute.'),
    concurrency: z.int().min(1).max(1_000_000).optional().describe('Jobs that run at the same time.'),
  })
  .prefault({})
  .describe('How much the tenant may ask for.')

const sensitivity = z
  .strictObject({
    default: z.enum(sensitivities).default('internal').describe('The class of a job whose request names none.'),
    floor: z.enum(sensitivities).default('public').describe('The most open class that a request may ask for.'),
  })
  .prefault({})
  .describe("The tenant's classes of sensitivity.")

const tenant = z
  .strictObject({
    keys: z
      .array(apiKey.describe('An API key.'))
      .min(1, { error: 'needs at least one key' })
      .describe('API keys, sent by clients as `Authorization: Bearer`.'),
    sensitivity,
    models: z
      .array(z.string())
      .default(['*'])
      .describe('Models that the tenant may ask for; `*` stands for all of them.'),
    budgets: z.array(budget).default([]).describe('Limits on spending.'),
    limits,
    webhook_secret: webhookSecret
      .optional()
      .describe('Signs the webhooks of this tenant: `whsec_` and the base64 of 24 to 64 random bytes.'),
  })
  .describe('Who pays and whose data it is.')

export const tenants = tenantsOf(tenant)
  .prefault({})
  .describe('Tenants by name. A file that only dispatchers read needs none.')

export type TenantConfig = z.output<typeof tenant>
