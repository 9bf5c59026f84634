import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Candidate, callOf, failureOf, ways } from './provider-harness.ts'
import { letReaderRead, reply, type Script } from './scripted-upstream.ts'

/** What a provider makes of an upstream that says no. */
export function describeRefusals(candidate: Candidate): void {
  const { name, recorded, withUpstream } = candidate

  describe.each(ways)(`${name}: refusals of a %s call`, (_way, run) => {
    it.each([
      [400, 'invalid_request'],
      [401, 'auth'],
      [402, 'quota_exhausted'],
      [403, 'auth'],
      [404, 'model_not_found'],
      [408, 'server_error'],
      [409, 'server_error'],
      [413, 'invalid_request'],
      [422, 'invalid_request'],
      [429, 'rate_limited'],
      [498, 'overloaded'],
      [500, 'server_error'],
      [501, 'unsupported'],
      [502, 'server_error'],
      [503, 'overloaded'],
      [504, 'server_error'],
      [529, 'overloaded'],
      [302, 'invalid_response'],
    ])('takes status %i for %s', async (status, failure) => {
      await withUpstream(
        reply(status, { location: 'http://127.0.0.1:9/' }, recorded.errorBody('no')),
        async (provider) => {
          expect(await failureOf(run(provider))).toMatchObject({ failure, status, retryAfterMs: null })
        },
      )
    })

    it.each([
      [{ 'retry-after': '7' }, 7_000],
      [{ 'retry-after': '0.25' }, 250],
      [{ 'retry-after-ms': '1250' }, 1_250],
      [{ 'x-ms-retry-after-ms': '900' }, 900],
      [{ 'retry-after': '9', 'retry-after-ms': '1250' }, 1_250],
      [{ 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 0],
      [{ 'retry-after': 'soon' }, null],
      [{ 'retry-after': '1m30s' }, 90_000],
      [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
      [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '20ms' }, 20],
      [{ 'x-ratelimit-remaining-tokens': '12', 'x-ratelimit-reset-tokens': '20ms' }, null],
      [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1000000000' }, 0],
      [{ 'retry-after': '2', 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }, 2_000],
    ])('reads %j', async (headers, retryAfterMs) => {
      await withUpstream(reply(429, headers, recorded.errorBody('no')), async (provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'rate_limited', status: 429, retryAfterMs })
      })
    })

    it('keeps what a 503 says about when to come back', async () => {
      await withUpstream(reply(503, { 'retry-after': '2' }, recorded.errorBody('busy')), async (provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'overloaded', retryAfterMs: 2_000 })
      })
    })

    it('never quotes what the upstream said', async () => {
      const secret = 'patient-4711'
      for (const [status, body] of [
        [400, recorded.errorBody(secret)],
        [500, `<html>${secret}</html>`],
        [200, `<html>${secret}</html>`],
        [200, `{"choices":"${secret}`],
      ] as const) {
        await withUpstream(reply(status, {}, body), async (provider) => {
          expect(inspect(await failureOf(run(provider)), { depth: 10 })).not.toContain(secret)
        })
      }
    })

    it('can be aborted while the body of an error is still to come', async () => {
      const controller = new AbortController()
      const script: Script = async (response) => {
        response.writeHead(500).write('{"error":')
        await letReaderRead()
        controller.abort()
      }
      await withUpstream(script, async (provider) => {
        const failing = failureOf(run(provider, callOf({ signal: controller.signal })))
        expect(await failing).toMatchObject({ failure: 'aborted' })
      })
    })

    it('does not read an endless error to its end', async () => {
      const script: Script = (response) => {
        response.writeHead(500)
        const write = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        }
        response.on('drain', write)
        write()
      }
      await withUpstream(script, async (provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'server_error', status: 500 })
      })
    })
  })
}
