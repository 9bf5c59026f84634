/** Where the tests of a run get their servers from. Decided once, and inherited by every worker of vitest. */
const sources = ['container', 'native', 'wasm'] as const
export type RedisSource = (typeof sources)[number]

const variable = 'SLUICE_TEST_REDIS'

export function setRedisSource(source: RedisSource): void {
  process.env[variable] = source
}

/** Set by hand it overrules the choice of `global-redis.ts`. */
export function redisSource(): RedisSource | undefined {
  const value = process.env[variable]
  const source = sources.find((name) => name === value)
  if (value && !source) throw new Error(`${variable} is "${value}"; it may be ${sources.join(', ')} or unset`)
  return source
}
