import { describe, expect, it } from 'vitest'
import type { Provider } from '../../src/core/provider.ts'
import {
  type Candidate,
  callOf,
  failureOf,
  patient,
  readStream,
  restOf,
  startSilentTcp,
  ways,
} from './provider-harness.ts'
import { letReaderRead, reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

/** What a provider makes of connections that fail, hang or break, and of answers that are none. */
export function describeFailures(candidate: Candidate): void {
  const { name, recorded, start, waitingReply, streamReply, withUpstream } = candidate

  describe.each(ways)(`${name}: failures of a %s call`, (way, run) => {
    const type = way === 'waiting' ? recorded.waitingType : recorded.streamType

    it('takes a refused connection for a connection failure', async () => {
      const upstream = await startUpstream(waitingReply)
      await upstream[Symbol.asyncDispose]()
      const provider = start({ url: upstream.url, timeouts: patient })
      expect(await failureOf(run(provider))).toMatchObject({ failure: 'connection', status: null })
      await provider.close()
    })

    it('takes a connection that is closed before the headers for a connection failure', async () => {
      await withUpstream(
        (response) => {
          response.destroy()
        },
        async (provider) => {
          expect(await failureOf(run(provider))).toMatchObject({ failure: 'connection' })
        },
      )
    })

    it('gives up a connection that does not open in time', async () => {
      await using silent = await startSilentTcp()
      const provider = start({ url: silent.tlsUrl, timeouts: { ...patient, connectMs: 20 } })
      expect(await failureOf(run(provider))).toMatchObject({ failure: 'connect_timeout' })
      await provider.close()
    })

    it('gives up an answer whose headers do not come in time', async () => {
      const test = async (provider: Provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'first_byte_timeout' })
      }
      await withUpstream(() => {}, test, { firstByteMs: 20 })
    })

    it('gives up an answer that falls silent', async () => {
      const script: Script = (response) => {
        response.writeHead(200, { 'content-type': type }).write(recorded.beginning)
      }
      const test = async (provider: Provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'idle_timeout' })
      }
      await withUpstream(script, test, { idleMs: 20 })
    })

    it('gives up an answer that trickles on past the total time', async () => {
      const script: Script = (response) => {
        response.writeHead(200, { 'content-type': type }).write(recorded.beginning)
        const drip = setInterval(() => response.write(recorded.drip ?? '\n'), 5)
        response.once('close', () => clearInterval(drip))
      }
      const test = async (provider: Provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'total_timeout' })
      }
      await withUpstream(script, test, { totalMs: 60 })
    })

    it('counts connecting into the total time', async () => {
      await using silent = await startSilentTcp()
      const provider = start({ url: silent.tlsUrl, timeouts: { ...patient, totalMs: 20 } })
      expect(await failureOf(run(provider))).toMatchObject({ failure: 'total_timeout' })
      await silent.hangUp()
      await provider.close()
    })

    it.each([
      ['HTML', 'text/html; charset=utf-8', '<!doctype html><html><body>It works!</body></html>\n'],
      ['HTML under the right type', type, '<html>\n<body>502</body>\n</html>\n'],
      ['plain text', 'text/plain', 'upstream connect error\n'],
      ['plain text without a line end', 'text/plain', 'upstream connect error'],
      ['a JSON array', 'application/json', '[1]\n'],
      ['an object without choices', 'application/json', '{"object":"list","data":[]}\n'],
    ])('takes %s for an invalid response', async (_what, contentType, body) => {
      await withUpstream(reply(200, { 'content-type': contentType }, body), async (provider) => {
        expect(await failureOf(run(provider))).toMatchObject({ failure: 'invalid_response' })
      })
    })

    it('fails when the body is empty', async () => {
      await withUpstream(reply(200, { 'content-type': type }, ''), async (provider) => {
        const failure = way === 'waiting' ? 'invalid_response' : 'cut_stream'
        expect(await failureOf(run(provider))).toMatchObject({ failure })
      })
    })

    it('makes no call for a signal that has fired already', async () => {
      await withUpstream(waitingReply, async (provider, upstream) => {
        expect(await failureOf(run(provider, callOf({ signal: AbortSignal.abort() })))).toMatchObject({
          failure: 'aborted',
        })
        expect(upstream.requests).toHaveLength(0)
      })
    })

    it('stops connecting when it is aborted', async () => {
      await using silent = await startSilentTcp()
      const provider = start({ url: silent.tlsUrl, timeouts: patient })
      const controller = new AbortController()
      const failing = failureOf(run(provider, callOf({ signal: controller.signal })))
      await silent.connected
      controller.abort()
      expect(await failing).toMatchObject({ failure: 'aborted' })
      await silent.hangUp()
      await provider.close()
    })

    it('closes the connection when it is aborted before the headers', async () => {
      await withUpstream(
        () => {},
        async (provider, upstream) => {
          const controller = new AbortController()
          const arrival = upstream.nextRequest()
          const failing = failureOf(run(provider, callOf({ signal: controller.signal })))
          const request = await arrival
          controller.abort()
          expect(await failing).toMatchObject({ failure: 'aborted' })
          await request.closed
        },
      )
    })

    it('closes the connection when it is aborted in the middle of the answer', async () => {
      const controller = new AbortController()
      const script: Script = async (response) => {
        response.writeHead(200, { 'content-type': type }).write(recorded.beginning)
        await letReaderRead()
        controller.abort()
      }
      await withUpstream(script, async (provider, upstream) => {
        const arrival = upstream.nextRequest()
        expect(await failureOf(run(provider, callOf({ signal: controller.signal })))).toMatchObject({
          failure: 'aborted',
        })
        await (await arrival).closed
      })
    })

    it('serves the next call after an aborted one', async () => {
      const scripts: Script[] = [() => {}, way === 'waiting' ? waitingReply : streamReply]
      await withUpstream(
        (response, request) => scripts.shift()?.(response, request),
        async (provider, upstream) => {
          const controller = new AbortController()
          const arrival = upstream.nextRequest()
          const failing = failureOf(run(provider, callOf({ signal: controller.signal })))
          await arrival
          controller.abort()
          await failing
          await run(provider)
        },
      )
    })
  })

  describe(`${name}: broken bodies`, () => {
    it('takes a waiting answer that breaks off for a connection failure', async () => {
      const script: Script = async (response) => {
        response.writeHead(200, { 'content-type': recorded.waitingType, 'content-length': '9999' })
        response.write(recorded.waiting.body.slice(0, 40))
        await letReaderRead()
        response.destroy()
      }
      await withUpstream(script, async (provider) => {
        expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'connection' })
      })
    })

    it('yields what came before a lost connection, then throws cut_stream', async () => {
      const script: Script = async (response) => {
        response.writeHead(200, { 'content-type': recorded.streamType }).write(recorded.beginning)
        await letReaderRead()
        response.destroy()
      }
      await withUpstream(script, async (provider) => {
        const { text, failure } = await readStream(provider.stream(callOf()))
        expect(failure).toMatchObject({ failure: 'cut_stream' })
        expect(text).toBe(recorded.beginningText)
      })
    })

    it.each([
      ['between two parts', 0],
      ['inside a part', 20],
    ])('takes a stream that ends cleanly %s, before its terminal part, for cut_stream', async (_where, extraBytes) => {
      const body = Buffer.concat([Buffer.from(recorded.beginning), restOf(recorded).subarray(0, extraBytes)])
      await withUpstream(reply(200, { 'content-type': recorded.streamType }, body), async (provider) => {
        const { text, failure } = await readStream(provider.stream(callOf()))
        expect(failure).toMatchObject({ failure: 'cut_stream' })
        expect(text).toBe(recorded.beginningText)
      })
    })

    it.each([
      ['an error', recorded.errorPart, 'server_error'],
      ['garbage', recorded.garbagePart, 'invalid_response'],
    ])('yields what came before %s in the middle, then throws', async (_what, part, expected) => {
      const beginning = Buffer.from(recorded.beginning)
      const rest = Buffer.concat([Buffer.from(part), restOf(recorded)])
      for (const pieces of [[Buffer.concat([beginning, rest])], [beginning, rest]]) {
        await withUpstream(replyInPieces(recorded.streamType, pieces), async (provider) => {
          const { text, failure } = await readStream(provider.stream(callOf()))
          expect(failure).toMatchObject({ failure: expected })
          expect(text).toBe(recorded.beginningText)
        })
      }
    })

    it('closes the connection when the reader leaves early', async () => {
      const script: Script = (response) => {
        response.writeHead(200, { 'content-type': recorded.streamType }).write(recorded.beginning)
      }
      await withUpstream(script, async (provider, upstream) => {
        const arrival = upstream.nextRequest()
        for await (const _batch of provider.stream(callOf())) break
        await (await arrival).closed
      })
    })

    it('ends with the terminal part even if the upstream keeps the connection open', async () => {
      const script: Script = (response) => {
        response.writeHead(200, { 'content-type': recorded.streamType }).write(recorded.stream.body)
      }
      await withUpstream(script, async (provider, upstream) => {
        const arrival = upstream.nextRequest()
        const { text, failure } = await readStream(provider.stream(callOf()))
        expect({ text, failure }).toEqual({ text: recorded.stream.text, failure: null })
        await (await arrival).closed
      })
    })
  })
}
