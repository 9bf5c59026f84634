import { RE2JS } from 're2js'
import { z } from 'zod'
import { answerPolicies, mediaPolicies, operators } from '../core/audit-policy.ts'
import { entities } from '../core/pii/entities.ts'
import { profileNames } from '../core/pii/profiles.ts'
import { sensitivities } from '../core/vocabulary.ts'
import { timerDuration } from './duration.ts'
import { baseUrl } from './schema-fields.ts'

const entity = z.enum(entities)

const presidio = z
  .strictObject({
    presidio: z
      .strictObject({
        url: baseUrl.describe('URL of the Presidio analyzer.'),
        language: z
          .string()
          .regex(/^[a-z]{2}$/, { error: 'must be two small letters such as "en"' })
          .default('en')
          .describe('The language that it is told the texts are in.'),
        min_score: z.number().min(0).max(1).default(0.5).describe('Findings below this score are left out.'),
        timeout: timerDuration.prefault('5s').describe('How long one text may take; longer counts as a failure.'),
      })
      .describe('A Presidio analyzer as detector.'),
  })
  .describe('A detector with settings.')

const pattern = z
  .strictObject({
    entity: entity.default('CUSTOM').describe('What a match is called and treated as.'),
    pattern: z
      .string()
      .min(1)
      .max(1_000)
      .refine(isLinearPattern, { error: 'must be a regular expression in RE2 syntax, which has no lookaround' })
      .describe('Regular expression in RE2 syntax.'),
    context: z
      .array(z.string().min(1).max(100))
      .max(100)
      .default([])
      .describe('Words of which one must stand within 40 characters; none: a match counts anywhere.'),
  })
  .describe('A pattern of your own.')

function isLinearPattern(text: string): boolean {
  try {
    RE2JS.compile(text)
    return true
  } catch {
    return false
  }
}

const words = z.array(z.string().min(1).max(500)).max(10_000)

const denied = z
  .strictObject({
    entity: entity.default('CUSTOM').describe('What the words are called and treated as.'),
    words: words.describe('Words that always count as found, in any case.'),
  })
  .describe('Words that always count as found.')

const operatorsByEntity = z.partialRecord(entity, z.enum(operators))

/** The rules that a tenant may have of its own. */
const rules = {
  profile: z.enum(profileNames).optional().describe('Which kinds of personal data are looked for.'),
  entities: operatorsByEntity.optional().describe('What becomes of an entity, by its name; `mask` unless it is named.'),
  restrict: z.array(entity).optional().describe('Entities that raise a job to `restricted`.'),
  on_phi: z.enum(sensitivities).optional().describe('The class that a job with health data is raised to.'),
  media: z
    .enum(mediaPolicies)
    .optional()
    .describe('What happens to jobs with pictures, sound, files or lists of tokens.'),
  answers: z.enum(answerPolicies).optional().describe('What is done about secrets and new personal data in answers.'),
  patterns: z.array(pattern).max(1_000).optional().describe('Patterns of your own.'),
  deny: z.array(denied).max(1_000).optional().describe('Words that always count as found.'),
  allow: words.optional().describe('Values that never count as found.'),
}

export const auditor = z
  .strictObject({
    detectors: z
      .array(z.union([z.literal('builtin'), presidio]).describe('`builtin`, or `presidio: { url: … }`.'))
      .min(1, { error: 'needs at least one detector' })
      .prefault(['builtin'])
      .describe('What looks for personal data.'),
    ...rules,
  })
  .prefault({})
  .describe('How prompts are examined.')

export const tenantAuditor = z
  .strictObject(rules)
  .prefault({})
  .describe("The tenant's own rules. A key that is set goes before the same one of `auditor`; lists are added to it.")

export type AuditorRules = z.output<typeof tenantAuditor>
