import { z } from 'zod'

const faultNames = [
  /** Answers well, `latency_ms` late. */
  'latency',
  /** 429, with `Retry-After` if `retry_after_s` is given. */
  'rate_limit',
  /** 500, or 503 with `Retry-After` if `retry_after_s` is given. */
  'server_error',
  /** 401. */
  'unauthorized',
  /** A 200 whose stream ends in good order after `after_chunks` records, without finish reason and `[DONE]`. */
  'cut_stream',
  /** A 200 that is cut JSON; in a stream, a record that is. */
  'garbage',
  /** Never answers. */
  'hang',
  /** A 200 whose stream falls silent after `after_chunks` records. */
  'hang_mid_stream',
  /** Resets the connection: before it answers, or in a stream after `after_chunks` records if that is given. */
  'reset',
  /** A 200 that is a web page, as from a portal in between. */
  'html',
] as const

/** Which faults a field means something to; every fault may come `latency_ms` late. */
const meaningfulFor = {
  retry_after_s: ['rate_limit', 'server_error'],
  after_chunks: ['cut_stream', 'hang_mid_stream', 'reset'],
} as const satisfies Record<string, readonly (typeof faultNames)[number][]>

/** How the sandbox is told to misbehave. The first rule that a request matches applies. */
const faultRuleSchema = z
  .strictObject({
    fault: z.enum(faultNames),
    /** After so many requests the rule is used up. Absent: never. */
    times: z.int().min(1).optional(),
    latency_ms: z.number().min(0).max(600_000).optional(),
    retry_after_s: z.number().min(0).optional(),
    /** How many SSE records are sent before a stream breaks. In a waiting call, half of the body is. */
    after_chunks: z.int().min(0).optional(),
    /** Only requests for this model. */
    model: z.string().optional(),
    /** Only requests whose body contains this. */
    match: z.string().min(1).optional(),
  })
  .superRefine((rule, context) => {
    if (rule.fault === 'latency' && rule.latency_ms === undefined) {
      context.addIssue({ code: 'custom', path: ['latency_ms'], message: 'The fault latency needs latency_ms.' })
    }
    for (const [field, faults] of Object.entries(meaningfulFor)) {
      const isGiven = rule[field as keyof typeof meaningfulFor] !== undefined
      if (!isGiven || (faults as readonly string[]).includes(rule.fault)) continue
      context.addIssue({ code: 'custom', path: [field], message: `The fault ${rule.fault} takes no ${field}.` })
    }
  })

export const faultRulesSchema = z.array(faultRuleSchema).max(1000)
export type FaultRule = z.infer<typeof faultRuleSchema>

export interface FaultSet {
  /** Replaces all rules. Throws `z.ZodError` for an impossible one. */
  set(rules: readonly FaultRule[]): void
  /** The rule that a request falls under, used up by one, or null. */
  take(request: { model: string; body: string }): FaultRule | null
}

export function createFaultSet(initial: readonly FaultRule[]): FaultSet {
  let active: { rule: FaultRule; left: number }[] = []
  const set = (rules: readonly FaultRule[]) => {
    const checked = faultRulesSchema.parse(rules)
    active = checked.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }))
  }
  set(initial)
  return {
    set,
    take(request) {
      const found = active.find(({ rule, left }) => left > 0 && matches(rule, request))
      if (found === undefined) return null
      found.left -= 1
      return found.rule
    },
  }
}

function matches(rule: FaultRule, request: { model: string; body: string }): boolean {
  if (rule.model !== undefined && rule.model !== request.model) return false
  return rule.match === undefined || request.body.includes(rule.match)
}
