import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { format, inspect } from 'node:util'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.ts'

const value = 'sk-live-0123456789'
const secret = new Secret(value)
const nested = { tenant: { keys: [secret] }, map: new Map([['key', secret]]) }

function logged(write: (stream: PassThrough) => void): string {
  const stream = new PassThrough()
  write(stream)
  return String(stream.read())
}

const printers: Record<string, () => string> = {
  template: () => `${secret}`,
  concatenation: () => `key ${String(secret)}`,
  join: () => [secret, secret].join(),
  'JSON.stringify': () => JSON.stringify(nested),
  'util.inspect': () => inspect(nested, { depth: 9, showHidden: true, getters: true }),
  'util.inspect without custom inspection': () => inspect(nested, { depth: 9, showHidden: true, customInspect: false }),
  'util.format': () => format('%s %o %O %j %d', secret, nested, nested, nested, secret),
  'console.dir': () => logged((stream) => new Console(stream).dir(nested, { depth: 9 })),
  'console.table': () => logged((stream) => new Console(stream).table([{ secret }])),
  pino: () => logged((stream) => pino(stream).info({ nested, secret }, 'started with %s', secret)),
  'an error': () => inspect(new Error(`bad key ${secret}`, { cause: nested })),
  structuredClone: () => inspect(structuredClone(nested), { depth: 9, showHidden: true }),
  'object spread': () => inspect({ ...secret }, { showHidden: true }),
  'property names': () => Reflect.ownKeys(secret).map(String).join(),
}

describe('a secret', () => {
  it.each(Object.entries(printers))('is not printed by %s', (_name, print) => {
    expect(print()).not.toContain(value)
  })

  it('shows that something is there', () => {
    expect(`${secret}`).toBe('***')
    expect(JSON.stringify({ secret })).toBe('{"secret":"***"}')
    expect(inspect({ secret })).toBe('{ secret: *** }')
  })

  it('is given to who asks for it by name', () => {
    expect(secret.reveal()).toBe(value)
  })
})
