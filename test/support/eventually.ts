import { setTimeout as sleep } from 'node:timers/promises'

/** Looks every 25 ms until `look` gives something other than false, null or undefined, and returns that. */
export async function eventually<Value>(
  what: string,
  look: () => Value | false | null | undefined | Promise<Value | false | null | undefined>,
  withinMs = 15_000,
): Promise<Value> {
  const untilMs = Date.now() + withinMs
  for (;;) {
    const value = await look()
    if (value !== false && value !== null && value !== undefined) return value
    if (Date.now() > untilMs) throw new Error(`Not within ${withinMs / 1000} s: ${what}`)
    await sleep(25)
  }
}
