import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
import { createBedrockProvider } from '../../src/providers/bedrock.ts'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import type { UpstreamOptions } from '../../src/providers/upstream-options.ts'
import { stream, streamToolCalls } from './bedrock-streams.ts'
import { callOf, patient, readStream } from './provider-harness.ts'
import { replyInPieces, startUpstream } from './scripted-upstream.ts'

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url))
}

const sse = 'text/event-stream'
const aws = 'application/vnd.amazon.eventstream'
const common: Omit<UpstreamOptions, 'baseUrl' | 'model'> = { timeouts: patient, connections: 1, apiKey: () => 'key' }
const anthropic = (baseUrl: string) => createAnthropicProvider({ ...common, baseUrl, model: 'claude-sonnet-4-5' })
const gemini = (baseUrl: string) => createGeminiProvider({ ...common, baseUrl, model: 'gemini-2.5-flash' })
const bedrock = (baseUrl: string) =>
  createBedrockProvider({ ...common, baseUrl, model: 'anthropic.claude-sonnet-4-20250514-v1:0', region: 'us-east-1' })

/** The body in pieces, cut at these places. */
function cut(body: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % body.length))].sort((left, right) => left - right)
  return [...ends, body.length].map((end, index) => body.subarray(index === 0 ? 0 : ends[index - 1], end))
}

/** What a stream says, without what is made anew for each. */
function toldBy({ completion, failure }: Awaited<ReturnType<typeof readStream>>) {
  const { choices, usage } = completion
  return { choices, usage, failure }
}

describe.each([
  ['anthropic text', anthropic, sse, fixture('anthropic/stream.sse')],
  ['anthropic thoughts', anthropic, sse, fixture('anthropic/stream-thinking.sse')],
  ['anthropic calls', anthropic, sse, fixture('anthropic/stream-tool-calls.sse')],
  ['gemini text', gemini, sse, fixture('gemini/stream.sse')],
  ['gemini thoughts', gemini, sse, fixture('gemini/stream-thinking.sse')],
  ['bedrock text', bedrock, aws, stream],
  ['bedrock calls', bedrock, aws, streamToolCalls],
])('%s', (_name, open, type, body) => {
  it('reads the same wherever the bytes are cut, and never takes a part for the whole', async () => {
    let pieces = [body]
    await using upstream = await startUpstream((response, request) => replyInPieces(type, pieces)(response, request))
    const provider = open(upstream.url)
    const read = async (next: Buffer[]) => {
      pieces = next
      return toldBy(await readStream(provider.stream(callOf())))
    }
    const whole = await read([body])
    expect(whole).toMatchObject({ failure: null, choices: [{ finish_reason: expect.any(String) }] })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(body.length - 1), { minLength: 1, maxLength: 12 }), async (places) => {
        expect(await read(cut(body, places))).toEqual(whole)
        // What ends before the end is a cut stream, unless all that was missing is the end of the last record.
        const end = Math.max(1, Math.min(...places))
        const part = await read([body.subarray(0, end)])
        if (part.failure === null) expect(part.choices).toEqual(whole.choices)
        else expect(part.failure).toMatchObject({ failure: 'cut_stream' })
      }),
      { numRuns: 60 },
    )
    await provider.close()
  })
})
