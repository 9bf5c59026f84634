import { describe, expect, it } from 'vitest'
import { ChatAssembler } from '../../src/core/chat-assembler.ts'
import {
  type Candidate,
  callOf,
  failureOf,
  patient,
  type RecordedCall,
  readStream,
  restOf,
} from './provider-harness.ts'
import { reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

function toolCallsOf(completion: { choices: { message: { tool_calls: { function: RecordedCall }[] } }[] }) {
  return completion.choices[0]?.message.tool_calls.map(({ function: called }) => ({
    name: called.name,
    arguments: JSON.parse(String(called.arguments)),
  }))
}

/** What a provider makes of answers that are as they should be. */
export function describeAnswers(candidate: Candidate): void {
  const { name, recorded, start, waitingReply, streamReply, withUpstream } = candidate

  describe(`${name}: answers`, () => {
    it('returns a waiting answer as a chat.completion with its usage', async () => {
      await withUpstream(waitingReply, async (provider, upstream) => {
        const { bodyJson, usage } = await provider.complete(callOf())
        const completion = JSON.parse(bodyJson)
        expect(completion).toMatchObject({
          object: 'chat.completion',
          choices: [
            { index: 0, message: { role: 'assistant', content: recorded.waiting.text }, finish_reason: 'stop' },
          ],
          usage: recorded.waiting.usage,
        })
        expect(usage).toEqual(recorded.waiting.usage)
        expect(upstream.requests.map(({ path }) => path)).toEqual([recorded.path])
      })
    })

    it('yields a stream as chunks with one id, the role first and the usage last', async () => {
      await withUpstream(streamReply, async (provider) => {
        const { jsons, text, failure, completion } = await readStream(provider.stream(callOf()))
        expect(failure).toBeNull()
        expect(text).toBe(recorded.stream.text)
        const chunks = jsons.map((json) => JSON.parse(json))
        expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
        expect(chunks.every(({ object }) => object === 'chat.completion.chunk')).toBe(true)
        expect(chunks[0].choices[0].delta.role).toBe('assistant')
        expect(chunks.at(-2).choices[0].finish_reason).toBe('stop')
        expect(chunks.at(-1)).toMatchObject({ choices: [], usage: recorded.stream.usage })
        expect(completion.usage).toMatchObject(recorded.stream.usage)
      })
    })

    it('yields chunks that arrive together together', async () => {
      await withUpstream(streamReply, async (provider) => {
        const sizes: number[] = []
        for await (const batch of provider.stream(callOf())) sizes.push(batch.length)
        expect(sizes.every((size) => size > 0)).toBe(true)
        expect(Math.max(...sizes)).toBeGreaterThan(1)
      })
    })

    it('passes on what has arrived before the rest has', async () => {
      const released = Promise.withResolvers<void>()
      const script: Script = async (response) => {
        response.writeHead(200, { 'content-type': recorded.streamType }).write(recorded.beginning)
        await released.promise
        response.end(restOf(recorded))
      }
      await withUpstream(script, async (provider) => {
        const assembler = new ChatAssembler()
        for await (const batch of provider.stream(callOf())) {
          for (const json of batch) assembler.add(json)
          if (assembler.text === recorded.beginningText) released.resolve()
        }
        expect(assembler.text).toBe(recorded.stream.text)
      })
    })

    it('returns tool calls with their arguments as JSON text', async () => {
      const script = reply(200, { 'content-type': recorded.waitingType }, recorded.waitingToolCalls.body)
      await withUpstream(script, async (provider) => {
        const completion = JSON.parse((await provider.complete(callOf())).bodyJson)
        expect(toolCallsOf(completion)).toEqual(recorded.waitingToolCalls.calls)
        expect(completion.choices[0]).toMatchObject({ message: { content: null }, finish_reason: 'tool_calls' })
      })
    })

    it('yields streamed tool calls that assemble to the whole calls, each with an id of its own', async () => {
      const script = reply(200, { 'content-type': recorded.streamType }, recorded.streamToolCalls.body)
      await withUpstream(script, async (provider) => {
        const { completion, failure } = await readStream(provider.stream(callOf()))
        expect(failure).toBeNull()
        expect(toolCallsOf(completion)).toEqual(recorded.streamToolCalls.calls)
        const calls = completion.choices[0].message.tool_calls as { id: string; type: string }[]
        expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length)
        expect(calls.every(({ id, type }) => id !== '' && type === 'function')).toBe(true)
        expect(completion.choices[0].finish_reason).toBe('tool_calls')
      })
    })

    it('reads the same from a stream that is cut in two at any byte', async () => {
      const { body, text, usage } = recorded.shortStream
      const bytes = Buffer.from(body)
      const script: Script = async (response, request) => {
        const position = Number(request.headers['x-cut-at'])
        await replyInPieces(recorded.streamType, [bytes.subarray(0, position), bytes.subarray(position)])(
          response,
          request,
        )
      }
      await withUpstream(script, async (provider) => {
        for (let position = 1; position < bytes.length; position += 1) {
          const result = await readStream(provider.stream(callOf({ headers: { 'x-cut-at': String(position) } })))
          expect({ position, text: result.text, usage: result.completion.usage, failure: result.failure }).toEqual({
            position,
            text,
            usage,
            failure: null,
          })
        }
      })
    })

    it('reads the same from a stream that comes byte by byte', async () => {
      const bytes = [...Buffer.from(recorded.shortStream.body)].map((byte) => Buffer.from([byte]))
      await withUpstream(replyInPieces(recorded.streamType, bytes), async (provider) => {
        const { text, failure } = await readStream(provider.stream(callOf()))
        expect({ text, failure }).toEqual({ text: recorded.shortStream.text, failure: null })
      })
    })

    it('keeps the connection for the next call, after answers and refusals alike', async () => {
      const scripts = [waitingReply, streamReply, reply(500, {}, recorded.errorBody('overloaded')), waitingReply]
      const script: Script = (response, request) => scripts.shift()?.(response, request)
      await using upstream = await startUpstream(script)
      // With one connection to use, a second one means that the first was thrown away.
      const provider = start({ url: upstream.url, timeouts: patient, connections: 1 })
      await provider.complete(callOf())
      await readStream(provider.stream(callOf()))
      await failureOf(provider.complete(callOf()))
      await provider.complete(callOf())
      await provider.close()
      expect(upstream.requests).toHaveLength(4)
      expect(new Set(upstream.requests.map(({ port }) => port)).size).toBe(1)
    })

    it('keeps the connection of a stream whose body ends a moment after its terminal part', async () => {
      await using upstream = await startUpstream(replyInPieces(recorded.streamType, [recorded.stream.body]))
      const provider = start({ url: upstream.url, timeouts: patient, connections: 1 })
      await readStream(provider.stream(callOf()))
      await readStream(provider.stream(callOf()))
      await provider.close()
      expect(new Set(upstream.requests.map(({ port }) => port)).size).toBe(1)
    })

    it('sends the key as it is now and the headers of the call', async () => {
      await using upstream = await startUpstream(waitingReply)
      const keys = ['first', 'second']
      const provider = start({ url: upstream.url, timeouts: patient, apiKey: () => keys.shift() ?? '' })
      await provider.complete(callOf({ headers: { traceparent: '00-1-2-01' } }))
      await provider.complete(callOf())
      await provider.close()
      const keyHeaders = recorded.keyHeaders ?? ((key: string) => ({ authorization: `Bearer ${key}` }))
      expect(upstream.requests.map(({ headers }) => headers)).toMatchObject([keyHeaders('first'), keyHeaders('second')])
      expect(upstream.requests[0]?.headers).toMatchObject({
        traceparent: '00-1-2-01',
        'content-type': 'application/json',
      })
    })
  })
}
