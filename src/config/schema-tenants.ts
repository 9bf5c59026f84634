import { z } from 'zod'
import { budgetPeriods } from '../core/budget.ts'
import { sensitivities } from '../core/vocabulary.ts'
import { tenantAuditor } from './schema-auditor.ts'
import { apiKey, tenantsOf, webhookSecret } from './schema-fields.ts'

const dollars = z.number().positive({ error: 'must be more than 0' }).max(1_000_000_000)

const keyName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, {
  error: 'names of keys are 1 to 64 letters, digits, "-" and "_"',
})

const namedKey = z
  .strictObject({
    name: keyName.describe('What the key is called in budgets, usage and the audit trail.'),
    key: apiKey.describe('The API key.'),
  })
  .describe('An API key with a name.')

const plainKey = apiKey.describe('An API key.').transform((key) => ({ name: undefined, key }))

const tag = z.string().regex(/^[^=,]{1,64}=[^=,]{1,256}$/, { error: 'must be a tag and its value: "team=search"' })

const budget = z
  .strictObject({
    usd: dollars.describe('What may be spent in a period, in US dollars. More is refused with `budget_exceeded`.'),
    per: z.enum(budgetPeriods).describe('The period.'),
    window: z
      .enum(['calendar', 'rolling'])
      .default('calendar')
      .describe('`calendar`: the UTC hour, day or month. `rolling`: the last 60 minutes, 24 hours or 30 days.'),
    soft_usd: dollars.optional().describe('Crossing it sends the webhook `budget.alert`, once per period.'),
    key: keyName.optional().describe('Counts only what came with the key of this name.'),
    tag: tag.optional().describe('Counts only jobs with this tag: `team=search`.'),
    model: z.string().optional().describe('Counts only jobs for this model.'),
  })
  .describe('A limit on spending.')

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
      .array(z.union([plainKey, namedKey]).describe('An API key, or its name and the key.'))
      .min(1, { error: 'needs at least one key' })
      .describe('API keys, sent by clients as `Authorization: Bearer`; with a name where they are counted apart.'),
    sensitivity,
    models: z
      .array(z.string())
      .default(['*'])
      .describe('Models that the tenant may ask for; `*` stands for all of them.'),
    budgets: z.array(budget).default([]).describe('Limits on spending.'),
    limits,
    budget_webhook: z
      .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
      .optional()
      .describe('Where `budget.alert` is sent; signed with `webhook_secret`.'),
    auditor: tenantAuditor,
    webhook_secret: webhookSecret
      .optional()
      .describe('Signs the webhooks of this tenant: `whsec_` and the base64 of 24 to 64 random bytes.'),
  })
  .describe('Who pays and whose data it is.')

export const tenants = tenantsOf(tenant)
  .prefault({})
  .describe('Tenants by name. A file that only dispatchers read needs none.')
