import { createHmac, hkdfSync } from 'node:crypto'
import type { Config } from '../config/schema.ts'
import type { Auditing, TenantAuditing } from '../core/auditing.ts'
import type { Detector } from '../core/pii/detector.ts'
import type { Logger } from '../core/telemetry.ts'
import { createDetectorChain } from '../detectors/detector-chain.ts'
import type { DetectorRecipe } from '../detectors/detector-thread.ts'
import { DetectorThreads } from '../detectors/detector-threads.ts'
import { createPresidioDetector } from '../detectors/presidio.ts'
import { type EffectiveRules, effectiveRules } from './audit-rules.ts'

export interface RunningAuditing extends Auditing {
  close(): Promise<void>
}

/** The auditing of all tenants, and of those who have left the configuration while their jobs were on the way. */
export function createAuditing(config: Config, vaultKey: Buffer, log: Logger): RunningAuditing {
  const presidios = config.auditor.detectors.flatMap((each) => {
    if (each === 'builtin') return []
    const { url, language, min_score: minScore, timeout: timeoutMs } = each.presidio
    return [createPresidioDetector({ url, language, minScore, timeoutMs, log })]
  })
  const threads = new DetectorThreads(log)
  const hashKey = Buffer.from(hkdfSync('sha256', vaultKey, '', 'sluice placeholder hashes', 32))
  const create = (tenant: string, rules: EffectiveRules): TenantAuditing => ({
    policy: rules,
    detector: createDetector(tenant, rules, presidios, threads),
    hashOf: (entity, value) =>
      createHmac('sha256', hashKey)
        .update(JSON.stringify([tenant, entity, value]))
        // Letters and digits only: other signs could end the placeholder.
        .digest('hex')
        .slice(0, 12),
  })
  const byTenant = new Map(
    Object.entries(config.tenants).map(([name, { auditor }]) => [
      name,
      create(name, effectiveRules(config.auditor, auditor)),
    ]),
  )
  return {
    of(tenant) {
      const known = byTenant.get(tenant) ?? create(tenant, effectiveRules(config.auditor, {}))
      byTenant.set(tenant, known)
      return known
    },
    close: async () => {
      await Promise.all([threads, ...presidios].map((each) => each.close()))
    },
  }
}

/** Per tenant: nobody can tell from the time that an answer takes what another tenant has sent. */
const rememberedTexts = 2_000

/** The built-in one always looks, whatever else is configured: it costs little, and nothing it finds should pass. */
function createDetector(
  tenant: string,
  { entities, patterns, deny, allow }: EffectiveRules,
  others: readonly Detector[],
  threads: DetectorThreads,
): Detector {
  const recipes: DetectorRecipe[] = [
    { kind: 'builtin', tenant, entities: [...entities], remembers: rememberedTexts },
    ...(patterns.length + deny.length > 0 ? [{ kind: 'patterns', patterns, deny } as const] : []),
  ]
  const own = recipes.map((recipe) => threads.create(recipe))
  return createDetectorChain([...own, ...others], { allow, entities })
}
