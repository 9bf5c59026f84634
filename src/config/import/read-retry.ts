import { type ModelDraft, toDuration } from './drafts.ts'
import type { Section } from './sections.ts'

export interface Reliability {
  readonly retry?: Record<string, string | number>
  readonly retryNote?: string
  readonly breaker?: Record<string, string | number>
  readonly breakerNote?: string
}

/** The section that says a key; the router's goes before that of the settings. */
export function sayer(key: string, router: Section | undefined, settings: Section | undefined): Section | undefined {
  // Both have been read then: neither is left over.
  const found = [router, settings].filter((each) => each?.has(key))
  for (const each of [router, settings]) each?.take(key)
  if (found.length > 1) found[1]?.tell('native', key, 'router_settings says it too, which goes before')
  return found[0]
}

/** `num_retries`, `retry_after`, `allowed_fails`, `cooldown_time`. */
export function readReliability(
  models: readonly ModelDraft[],
  router: Section | undefined,
  settings: Section | undefined,
): Reliability {
  return { ...readRetry(models, router, settings), ...readBreaker(router, settings) }
}

function readRetry(
  models: readonly ModelDraft[],
  router: Section | undefined,
  settings: Section | undefined,
): Pick<Reliability, 'retry' | 'retryNote'> {
  const retries = sayer('num_retries', router, settings)
  const after = sayer('retry_after', router, settings)
  const count = retries?.number('num_retries')
  const wait = after?.number('retry_after')
  const retry: Record<string, string | number> = {}
  let retryNote: string | undefined
  if (count !== undefined && count >= 0) {
    const longest = Math.max(1, ...models.map((model) => chainLength(model, models)))
    retry.max_attempts = Math.min(100, Math.max(1, (Math.floor(count) + 1) * longest))
    const why = `${count} retries are ${count + 1} attempts for each model of a chain; here a job has one budget for its whole chain`
    retries?.tell('changed', 'num_retries', why)
    retryNote = `LiteLLM retries ${count} times at each model. Attempts are counted here, for the whole of a job: ${retry.max_attempts} for a chain of ${longest}.`
  }
  if (wait !== undefined && wait > 0) {
    const base = toDuration(Math.min(wait, 3_600))
    if (base !== null) {
      retry.base_delay = base
      retry.max_delay = toDuration(Math.max(30, wait * 4)) ?? '30s'
      after?.tell('changed', 'retry_after', 'is the first wait; it doubles with each further failure')
    }
  }
  return Object.keys(retry).length === 0 ? {} : { retry, ...(retryNote !== undefined && { retryNote }) }
}

/** How many models a job may come to one after another, the first included. */
function chainLength(first: ModelDraft, models: readonly ModelDraft[]): number {
  const names = new Set([first.name])
  for (const name of names) {
    for (const next of models.find((model) => model.name === name)?.fallbacks ?? []) names.add(next)
  }
  return names.size
}

function readBreaker(
  router: Section | undefined,
  settings: Section | undefined,
): Pick<Reliability, 'breaker' | 'breakerNote'> {
  const fails = sayer('allowed_fails', router, settings)
  const cooldown = sayer('cooldown_time', router, settings)
  const disabled = sayer('disable_cooldowns', router, settings)
  const breaker: Record<string, string | number> = {}
  const count = fails?.number('allowed_fails')
  const seconds = cooldown?.number('cooldown_time')
  if (disabled?.flag('disable_cooldowns') === true) {
    breaker.failures = 1_000
    disabled.tell(
      'changed',
      'disable_cooldowns',
      'the breaker can’t be turned off; it opens after 1,000 failures in a row',
    )
    return { breaker, breakerNote: 'LiteLLM’s cooldowns were off.' }
  }
  if (count !== undefined && count >= 0) {
    breaker.failures = Math.min(1_000, Math.floor(count) + 1)
    fails?.tell('changed', 'allowed_fails', 'failures count in a row, without a success in between, within a minute')
  }
  if (seconds !== undefined && seconds > 0) {
    const open = toDuration(Math.min(seconds, 86_400))
    if (open !== null) {
      breaker.open = open
      if (seconds > 120) breaker.max_open = open
      cooldown?.tell(
        'changed',
        'cooldown_time',
        'is the first time; it doubles with every probe that fails, up to breaker.max_open',
      )
    }
  }
  return Object.keys(breaker).length === 0 ? {} : { breaker, breakerNote: 'LiteLLM’s allowed_fails and cooldown_time.' }
}
