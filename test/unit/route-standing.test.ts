import { expect, it } from 'vitest'
import { standOf } from '../../src/core/route-standing.ts'
import { unknownSignals } from '../../src/core/routing-signals.ts'
import { deployment, request } from '../support/routes.ts'

// A usual answer has 500 tokens: half a minute here.
const slow = { ...unknownSignals, speed: { firstTokenMs: 5_000, tokensPerSecond: 20 } }

it('reads no body where the usual answer is in time', () => {
  const unread = { ...request(), wish: () => expect.fail('the body was read') }
  expect(standOf(deployment('a'), slow, unread).standing).toBe('ready')
})

it('reads the body where only a short answer is in time', () => {
  const hasty = { deadlineMs: 10_000 }
  expect(standOf(deployment('a'), slow, request({ ...hasty, outputTokens: 100 })).standing).toBe('ready')
  expect(standOf(deployment('a'), slow, request({ ...hasty, outputTokens: 101 })).standing).toBe('late')
  expect(standOf(deployment('a'), slow, request(hasty)).standing).toBe('late')
})
