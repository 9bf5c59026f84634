import { z } from 'zod'

const anything = z.unknown().optional()

/** These say nothing about the answer that was asked for: who asks, how it is billed, stored, cached, sped up. */
export const ignoredFields = {
  metadata: anything,
  prediction: anything,
  prompt_cache_key: anything,
  prompt_cache_options: anything,
  prompt_cache_retention: anything,
  safety_identifier: anything,
  service_tier: anything,
  store: anything,
  user: anything,
}
