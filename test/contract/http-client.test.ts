import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createHttpClient, maxAnswerBytes } from '../../src/providers/http-client.ts'
import { parseRateResetMs, parseRetryAfterMs } from '../../src/providers/retry-after.ts'
import { failureOf, patient } from './provider-harness.ts'
import { reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

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

describe('an answer that is not as it should be', () => {
  const clientOf = (url: string, timeouts = patient) => createHttpClient({ baseUrl: url, timeouts, connections: 1 })
  const textsOf = async (http: ReturnType<typeof createHttpClient>) => {
    const texts: string[] = []
    try {
      for await (const text of (await http.post(call)).texts()) texts.push(text)
    } catch (error) {
      return { text: texts.join(''), failure: error }
    }
    return { text: texts.join(''), failure: null }
  }

  it.each([
    ['a byte that begins nothing', Buffer.from([0x61, 0xff, 0x62])],
    ['a character cut short by another', Buffer.from([0xe2, 0x82, 0x41])],
    ['an overlong form', Buffer.from([0xc0, 0xaf])],
    ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
    ['Latin-1', Buffer.from('grün', 'latin1')],
  ])('is refused for %s, in one piece and byte by byte', async (_what, bytes) => {
    const good = 'data: Grüße 👩‍🚀\n\n'
    const whole = Buffer.concat([Buffer.from(good), bytes, Buffer.from('\n\n')])
    const single = [...whole].map((byte) => Buffer.from([byte]))
    for (const pieces of [[whole], single]) {
      await using upstream = await startUpstream(replyInPieces('text/event-stream', pieces))
      const http = clientOf(upstream.url)
      expect(await failureOf((await http.post(call)).readText(1_000))).toMatchObject({ failure: 'invalid_response' })
      const { text, failure } = await textsOf(http)
      expect(failure).toMatchObject({ failure: 'invalid_response', message: 'The answer is not UTF-8' })
      expect(text.startsWith(good)).toBe(true)
      await http.close()
    }
  })

  it('is a cut stream if it ends inside a character', async () => {
    await using upstream = await startUpstream(reply(200, {}, Buffer.from('data: ü').subarray(0, -1)))
    const http = clientOf(upstream.url)
    expect(await textsOf(http)).toMatchObject({ text: 'data: ', failure: { failure: 'cut_stream' } })
    await http.close()
  })

  it('is not read on when it is larger than 64 MiB', async () => {
    const block = Buffer.alloc(1024 * 1024, 'x')
    let sentBlocks = 0
    const script: Script = async (response, request) => {
      response.writeHead(200)
      void request.closed
      while (!response.destroyed && sentBlocks < 200) {
        sentBlocks += 1
        if (!response.write(block)) await Promise.race([once(response, 'drain'), request.closed])
      }
    }
    await using upstream = await startUpstream(script)
    const http = clientOf(upstream.url)
    let readBytes = 0
    const reading = (async () => {
      for await (const text of (await http.post(call)).texts()) readBytes += text.length
    })()
    expect(await failureOf(reading)).toMatchObject({ failure: 'invalid_response' })
    expect(readBytes).toBeLessThanOrEqual(maxAnswerBytes)
    await upstream.requests[0]?.closed
    expect(sentBlocks).toBeLessThan(200)
    await http.close()
  })

  it('lives while comments come, and is given up when nothing does', async () => {
    const idleMs = 1_000
    const script: Script = async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // Longer than the longest silence, in steps that are shorter than it.
      for (let step = 0; step < 8; step += 1) {
        response.write(`: keepalive ${step}/8\n\n`)
        await sleep(idleMs / 4)
      }
      response.write('data: alive\n\n')
    }
    await using upstream = await startUpstream(script)
    const http = clientOf(upstream.url, { ...patient, idleMs })
    const { text, failure } = await textsOf(http)
    expect(text).toContain('data: alive')
    expect(failure).toMatchObject({ failure: 'idle_timeout' })
    await upstream.requests[0]?.closed
    await http.close()
  })

  it('has its connection closed before an aborted call ends, so that the next call has one of its own', async () => {
    const ports: number[] = []
    let isClosed = false
    await using upstream = await startUpstream(async (response, request) => {
      ports.push(request.port)
      if (ports.length > 1) return void response.end(String(isClosed))
      void request.closed.then(() => {
        isClosed = true
      })
      response.writeHead(200).write('a beginning')
    })
    const http = clientOf(upstream.url)
    const controller = new AbortController()
    const answer = await http.post({ ...call, signal: controller.signal })
    const reading = failureOf(answer.readText(100))
    controller.abort()
    expect(await reading).toMatchObject({ failure: 'aborted' })
    expect(await (await http.post(call)).readText(10)).toBe('true')
    expect(ports[1]).not.toBe(ports[0])
    await http.close()
  })
})

describe('a limit that is used up', () => {
  const nowMs = Date.UTC(2026, 9, 21, 7, 28, 0)

  it.each<[Record<string, string>, number | null]>([
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '7.66s' }, 7_660],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1h0m20ms' }, 3_600_020],
    [{ 'x-ratelimit-remaining-tokens-minute': '0', 'x-ratelimit-reset-tokens-minute': '11.3' }, 11_300],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String((nowMs + 5_000) / 1000) }, 5_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(nowMs + 5_000) }, 5_000],
    [
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '2s',
      },
      2_000,
    ],
    [{ 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': '6m0s' }, null],
    [{ 'x-ratelimit-reset-requests': '6m0s' }, null],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': 'tomorrow' }, null],
  ])('by %j has room again in %s', (headers, expected) => {
    expect(parseRateResetMs(headers, nowMs)).toBe(expected)
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
    [{ 'retry-after': '1m30s' }, 90_000],
    [{ 'retry-after': '250ms' }, 250],
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
