import assert from 'node:assert/strict'
import type { Redis } from 'ioredis'
import { translateRedisErrors } from './redis-errors.ts'

export type RunScript<Name extends string> = (
  name: Name,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>

/** Makes Lua sources callable: one EVALSHA per call, and an EVAL where the server has forgotten the script. */
export function defineScripts<Name extends string>(
  redis: Redis,
  family: string,
  sources: Readonly<Record<Name, string>>,
): RunScript<Name> {
  const commandName = (name: string) => `sluice_${family}_${name}`
  for (const [name, lua] of Object.entries<string>(sources)) redis.defineCommand(commandName(name), { lua })
  const commands = redis as unknown as Record<string, (...parts: (string | number)[]) => Promise<unknown>>
  return (name, keys, args) => {
    const command = commands[commandName(name)]
    assert.ok(command)
    return translateRedisErrors(command.call(redis, keys.length, ...keys, ...args))
  }
}
