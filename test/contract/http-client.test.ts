import { once } from 'node:events'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createHttpClient } from '../../src/providers/http-client.ts'
import { parseRetryAfterMs } from '../../src/providers/retry-after.ts'
import { failureOf, patient } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

const call = { path: '/x', headers: {}, body: '{}', signal: new AbortController().signal }

describe('the HTTP client', () => {
  it('reads a body of exactly the allowed size and refuses one byte more', async () => {
    await using upstream = await startUpstream(reply(200, {}, 'é'.repeat(50)))
    const http = createHttpClient({ baseUrl: upstream.url, timeouts: patient, connections: 1 })
    expect(await (await http.post(call)).readText(100)).toBe('é'.repeat(50))
    const failure = await failureOf((await http.post(call)).readText(99))
    expect(failure).toMatchObject({ failure: 'invalid_response', message: 'The answer is larger than 99 bytes' })
    await http.close()
  })

  it('lets one more call than it has connections wait, and stop waiting when aborted', async () => {
    const first = Promise.withResolvers<void>()
    await using upstream = await startUpstream(async (response) => {
      await first.promise
      response.end('ok')
    })
    const http = createHttpClient({ baseUrl: upstream.url, timeouts: patient, connections: 1 })
    const arrival = upstream.nextRequest()
    const running = http.post(call)
    await arrival
    const controller = new AbortController()
    const queued = failureOf(http.post({ ...call, signal: controller.signal }))
    controller.abort()
    expect(await queued).toMatchObject({ failure: 'aborted' })
    first.resolve()
    expect(await (await running).readText(10)).toBe('ok')
    await http.close()
    expect(upstream.requests).toHaveLength(1)
  })

  it('waits with closing for a call that is still running', async () => {
    await using upstream = await startUpstream(reply(200, {}, 'ok'))
    const http = createHttpClient({ baseUrl: upstream.url, timeouts: patient, connections: 1 })
    const answer = await http.post(call)
    const closing = http.close()
    expect(await answer.readText(10)).toBe('ok')
    await closing
    expect(await failureOf(http.post(call))).toMatchObject({ failure: 'connection' })
  })

  it('takes a total time that is longer than any timer', async () => {
    await using upstream = await startUpstream(reply(200, {}, 'ok'))
    const timeouts = { ...patient, totalMs: 40 * 24 * 3_600_000 }
    const http = createHttpClient({ baseUrl: upstream.url, timeouts, connections: 1 })
    expect(await (await http.post(call)).readText(10)).toBe('ok')
    await http.close()
  })

  it('leaves no listener on a signal that outlives the call', async () => {
    await using upstream = await startUpstream(reply(200, {}, 'ok'))
    const http = createHttpClient({ baseUrl: upstream.url, timeouts: patient, connections: 1 })
    const { signal } = new AbortController()
    let listeners = 0
    const counting = new Proxy(signal, {
      get(target, name) {
        if (name === 'addEventListener') listeners += 1
        if (name === 'removeEventListener') listeners -= 1
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await (await http.post({ ...call, signal: counting })).readText(10)
    await http.close()
    expect(listeners).toBe(0)
  })

  it('takes what is not HTTP for an invalid response, and does not quote it', async () => {
    await using upstream = await startUpstream(async (response) => {
      response.socket?.end('patient-4711 has a cold\r\n')
      await once(response, 'close')
    })
    const http = createHttpClient({ baseUrl: upstream.url, timeouts: patient, connections: 1 })
    const failure = await failureOf(http.post(call))
    expect(failure).toMatchObject({ failure: 'invalid_response' })
    expect(inspect(failure, { depth: 10 })).not.toContain('patient-4711')
    await http.close()
  })
})

describe('retry-after', () => {
  const nowMs = Date.UTC(2026, 9, 21, 7, 28, 0)

  it.each<[Record<string, string | string[]>, number | null]>([
    [{}, null],
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': ' 1 ' }, 1_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': '-5' }, null],
    [{ 'retry-after': '1e9' }, null],
    [{ 'retry-after': 'Infinity' }, null],
    [{ 'retry-after': 'try in 5' }, null],
    [{ 'retry-after': '' }, null],
    [{ 'retry-after': ['3', '9'] }, 3_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wednesday, 21-Oct-26 07:28:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wed Oct 21 07:28:30 2026' }, 30_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:27:00 GMT' }, 0],
    [{ 'retry-after': 'Wed, 41 Oct 2026 07:27:00 GMT' }, null],
    [{ 'retry-after-ms': '1200.4' }, 1_201],
    [{ 'x-ms-retry-after-ms': '700' }, 700],
    [{ 'retry-after-ms': '300', 'x-ms-retry-after-ms': '700', 'retry-after': '1' }, 300],
    [{ 'retry-after-ms': 'soon', 'retry-after': '1' }, 1_000],
  ])('in %j says %s', (headers, expected) => {
    expect(parseRetryAfterMs(headers, nowMs)).toBe(expected)
  })
})
