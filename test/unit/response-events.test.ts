import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChatAssembler } from '../../src/core/chat-assembler.ts'
import { createJobId, type JobId } from '../../src/core/job.ts'
import type { JobEvent, JobEventType } from '../../src/core/job-event.ts'
import { keepRequest } from '../../src/core/responses/request.ts'
import { type ResponseEnd, ResponseEventWriter, readOutput } from '../../src/core/responses/response-events.ts'
import {
  inputItemIdOf,
  itemIdOf,
  jobOfItem,
  jobOfResponse,
  responseIdOf,
} from '../../src/core/responses/response-id.ts'
import { describeResponse } from '../../src/core/responses/response-object.ts'
import { responseEvent, responseObject } from '../support/openai-responses.ts'

const job = 'job_01a1fddb05a4759a8343cbcfbc93dfa4' as JobId
const spec = { model: 'local', createdAtMs: 1_700_000_000_500, metadata: { run: '7' } }
const { echo } = keepRequest({ model: 'local', input: 'Hi' }, [])
const usage = {
  prompt_tokens: 7,
  completion_tokens: 5,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 2 },
  completion_tokens_details: { reasoning_tokens: 3 },
}

const chunk = (delta: object, finish_reason: string | null = null, logprobs: object | null = null) =>
  JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason, logprobs }] })
const event = (type: JobEventType, data = '{}'): JobEvent => ({ sequence: 2, type, data })
const completed: ResponseEnd = {
  facts: { status: 'completed', usage, error: null },
  finishedAtMs: 1_700_000_009_000,
  resultJson: null,
}

/** All events of a response whose chat came in these chunks. */
function eventsOf(chunks: readonly string[], end: ResponseEnd = completed) {
  const writer = new ResponseEventWriter({ job, spec, echo })
  const events = [
    ...writer.begin(),
    ...writer.write(event('job.queued')),
    ...writer.write(event('job.in_progress', '{"masked":false}')),
    ...chunks.flatMap((data) => writer.write(event('output.delta', data))),
    ...writer.end(end),
  ]
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
  return events.map((one) => responseEvent.parse(one))
}

/** Type and what is new in it. */
const brief = (events: ReturnType<typeof eventsOf>) =>
  events.map((one) => ('delta' in one ? `${one.type} ${one.delta}` : one.type).replace('response.', ''))

describe('the events of a response', () => {
  it('tell of a text from its first piece to the whole', () => {
    const events = eventsOf([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop'),
    ])
    expect(brief(events)).toEqual([
      'created',
      'queued',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta hel',
      'output_text.delta lo',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ])
    const digits = '01a1fddb05a4759a8343cbcfbc93dfa4'
    expect(events.at(-1)).toMatchObject({
      response: {
        id: `resp_${digits}`,
        status: 'completed',
        created_at: 1_700_000_000,
        completed_at: 1_700_000_009,
        metadata: { run: '7' },
        output: [
          {
            id: `msg_${digits}`,
            type: 'message',
            status: 'completed',
            content: [{ type: 'output_text', text: 'hello' }],
          },
        ],
        usage: {
          input_tokens: 7,
          input_tokens_details: { cached_tokens: 2 },
          output_tokens: 5,
          output_tokens_details: { reasoning_tokens: 3 },
          total_tokens: 12,
        },
      },
    })
    expect(events[3]).toMatchObject({ item: { status: 'in_progress', content: [] } })
  })

  it('tell of calls, whose arguments may come in turns', () => {
    const piece = (index: number, fields: object) => chunk({ tool_calls: [{ index, ...fields }] })
    const events = eventsOf([
      piece(0, { id: 'a', type: 'function', function: { name: 'one', arguments: '' } }),
      piece(0, { function: { arguments: '{"x"' } }),
      piece(1, { id: 'b', type: 'function', function: { name: 'two', arguments: '{' } }),
      piece(0, { function: { arguments: ':1}' } }),
      piece(1, { function: { arguments: '}' } }),
      chunk({}, 'tool_calls'),
    ])
    expect(brief(events).slice(3)).toEqual([
      'output_item.added',
      'function_call_arguments.delta {"x"',
      'output_item.added',
      'function_call_arguments.delta {',
      'function_call_arguments.delta :1}',
      'function_call_arguments.delta }',
      'function_call_arguments.done',
      'output_item.done',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ])
    expect(events.at(-1)).toMatchObject({
      response: {
        output: [
          { type: 'function_call', call_id: 'a', name: 'one', arguments: '{"x":1}', status: 'completed' },
          { type: 'function_call', call_id: 'b', name: 'two', arguments: '{}', status: 'completed' },
        ],
      },
    })
  })

  it('tell of a call when its name is known, and give it an id where the upstream has none', () => {
    const events = eventsOf([
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { name: 'late', arguments: '1}' } }] }),
      chunk({}, 'tool_calls'),
    ])
    expect(brief(events).slice(3, 5)).toEqual(['output_item.added', 'function_call_arguments.delta {"a":1}'])
    expect(events[3]).toMatchObject({ item: { name: 'late', call_id: 'call_01a1fddb05a4759a8343cbcfbc93dfa4_0' } })
  })

  it('tell of thoughts, which end where the answer begins', () => {
    const events = eventsOf([
      chunk({ reasoning_content: 'Hm' }),
      chunk({ reasoning: '.' }),
      chunk({ content: 'Yes' }),
      chunk({}, 'stop'),
    ])
    expect(brief(events).slice(3, 11)).toEqual([
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta Hm',
      'reasoning_summary_text.delta .',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
    ])
    expect(events.at(-1)).toMatchObject({
      response: { output: [{ type: 'reasoning', summary: [{ text: 'Hm.' }] }, { type: 'message' }] },
    })
  })

  it('tell of a refusal', () => {
    const events = eventsOf([chunk({ refusal: 'No' }), chunk({ refusal: '.' }), chunk({}, 'stop')])
    expect(brief(events).slice(4, 8)).toEqual([
      'content_part.added',
      'refusal.delta No',
      'refusal.delta .',
      'refusal.done',
    ])
    expect(events.at(-1)).toMatchObject({ response: { output: [{ content: [{ type: 'refusal', refusal: 'No.' }] }] } })
  })

  it('tell the chances of tokens, and links', () => {
    const top_logprobs = [
      { token: 'a', logprob: -0.1, bytes: [97] },
      { token: 'é', logprob: -3 },
    ]
    const content = [{ token: 'a', logprob: -0.1, bytes: [97], top_logprobs }]
    const url_citation = { url: 'https://example.com/', title: 'E', start_index: 0, end_index: 1 }
    const events = eventsOf([
      chunk({ content: 'a' }, null, { content }),
      chunk({ annotations: [{ type: 'url_citation', url_citation }] }),
      chunk({}, 'stop'),
    ])
    expect(events[5]).toMatchObject({
      logprobs: [
        {
          token: 'a',
          top_logprobs: [
            { token: 'a', logprob: -0.1 },
            { token: 'é', logprob: -3 },
          ],
        },
      ],
    })
    expect(events[6]).toMatchObject({
      type: 'response.output_text.annotation.added',
      annotation: { type: 'url_citation', ...url_citation },
    })
    expect(events.at(-1)).toMatchObject({
      response: {
        output: [
          {
            content: [
              {
                annotations: [url_citation],
                logprobs: [{ bytes: [97], top_logprobs: [{ bytes: [97] }, { bytes: [195, 169] }] }],
              },
            ],
          },
        ],
      },
    })
  })

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('end an answer that was cut for %s as incomplete', (finishReason, reason) => {
    const events = eventsOf([chunk({ content: 'hel' }), chunk({}, finishReason)])
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: {
        status: 'incomplete',
        completed_at: null,
        incomplete_details: { reason },
        output: [{ status: 'incomplete' }],
      },
    })
  })

  it('end a failure twice: as an error in both shapes that clients look for, and as a failed response', () => {
    const error = { code: 'stream_interrupted', message: 'The answer broke off.' } as const
    const events = eventsOf([chunk({ content: 'hel' })], {
      facts: { status: 'failed', usage: null, error },
      finishedAtMs: 1,
      resultJson: null,
    })
    const nested = { type: 'server_error', code: 'stream_interrupted', message: error.message, param: null }
    expect(events.at(-2)).toMatchObject({
      type: 'error',
      code: 'stream_interrupted',
      message: error.message,
      param: null,
      error: nested,
    })
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', output: [], error: { code: 'server_error', message: error.message } },
    })
  })

  it('say of a cancelled response that it is that', () => {
    const error = { code: 'job_cancelled', message: 'The job was cancelled.' } as const
    const events = eventsOf([], {
      facts: { status: 'cancelled', usage: null, error },
      finishedAtMs: 1,
      resultJson: null,
    })
    expect(events.slice(-2)).toMatchObject([
      { type: 'error', code: 'job_cancelled' },
      { type: 'response.failed', response: { status: 'cancelled', error: null } },
    ])
  })

  it('are a message without text where the model says nothing', () => {
    const events = eventsOf([chunk({ role: 'assistant' }), chunk({}, 'stop')])
    expect(events.at(-1)).toMatchObject({
      response: { output: [{ type: 'message', content: [{ type: 'output_text', text: '' }] }] },
    })
  })

  it('say where the job stands while it waits', () => {
    const writer = new ResponseEventWriter({ job, spec, echo })
    const place = event('job.queued', '{"position":3,"eta_seconds":null}')
    const events = [...writer.begin(), ...writer.write(event('job.queued')), ...writer.write(place)]
    expect(events.map(({ type, sequence_number }) => [type, sequence_number])).toEqual([
      ['response.created', 0],
      ['response.queued', 1],
      ['response.queued', 2],
    ])
    expect(responseEvent.parse(events[2])).toMatchObject({
      response: { sluice: { queue: { position: 3, eta_seconds: null } } },
    })
    expect(writer.hasBegun).toBe(false)
  })

  it('begin once, however often the call is tried', () => {
    const writer = new ResponseEventWriter({ job, spec, echo })
    const types = ['job.queued', 'job.in_progress', 'job.retrying', 'job.in_progress'] as const
    const events = [...writer.begin(), ...types.flatMap((type) => writer.write(event(type)))]
    expect(events.map(({ type }) => type)).toEqual(['response.created', 'response.queued', 'response.in_progress'])
  })
})

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const answers = fc.record({
  thoughts: fc.array(text, { maxLength: 3 }),
  texts: fc.array(text, { maxLength: 4 }),
  calls: fc.array(fc.record({ name: fc.constantFrom('one', 'two'), pieces: fc.array(text, { maxLength: 3 }) }), {
    maxLength: 3,
  }),
  finish: fc.constantFrom('stop', 'length', 'tool_calls'),
})

describe('any answer', () => {
  const chunksOf = ({ thoughts, texts, calls, finish }: typeof answers extends fc.Arbitrary<infer T> ? T : never) => [
    chunk({ role: 'assistant', content: '' }),
    ...thoughts.map((reasoning_content) => chunk({ reasoning_content })),
    ...texts.map((content) => chunk({ content })),
    ...calls.flatMap(({ name, pieces }, index) => [
      chunk({ tool_calls: [{ index, id: `c${index}`, type: 'function', function: { name, arguments: '' } }] }),
      ...pieces.map((piece) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]),
    chunk({}, finish),
  ]

  it('is the same response in pieces and as a whole, with the same ids', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const chunks = chunksOf(answer)
        const whole = new ChatAssembler()
        for (const one of chunks) whole.add(one)
        const last = eventsOf(chunks).at(-1)
        const read = readOutput(job, whole.completionJson())
        expect(last).toMatchObject({ response: { output: read.output } })
        const shown = describeResponse(
          { job, spec, echo },
          { status: 'completed', ...read, usage, finishedAtMs: completed.finishedAtMs },
        )
        expect(last).toMatchObject({ response: responseObject.parse(shown) })
      }),
    )
  })

  it('is told in deltas that add up to what the last event says', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const events = eventsOf(chunksOf(answer))
        const said = new Map<string, string>()
        for (const one of events) {
          if ('delta' in one) said.set(one.item_id, (said.get(one.item_id) ?? '') + one.delta)
        }
        const last = events.at(-1)
        const output = last && 'response' in last ? last.response.output : []
        for (const item of output) {
          const written =
            item.type === 'function_call'
              ? item.arguments
              : item.type === 'reasoning'
                ? item.summary[0]?.text
                : textOf(item.content)
          expect(said.get(item.id) ?? '').toBe(written)
        }
      }),
    )
  })
})

function textOf(content: readonly ({ text: string } | { refusal: string })[]): string {
  return content.map((part) => ('text' in part ? part.text : part.refusal)).join('')
}

describe('the ids of responses', () => {
  it('lead back to the job', () => {
    const id = createJobId()
    expect(jobOfResponse(responseIdOf(id))).toBe(id)
    expect(['msg', 'rs', 'fc'].map((prefix) => jobOfItem(itemIdOf(id, prefix as 'msg', 0)))).toEqual([id, id, id])
    expect(jobOfItem(itemIdOf(id, 'fc', 12))).toBe(id)
  })

  it('are told from all other text', () => {
    const id = createJobId()
    for (const other of [
      '',
      'resp_',
      id,
      `resp_${id}`,
      responseIdOf(id).toUpperCase(),
      `${responseIdOf(id)}0`,
      'job_resp_',
    ]) {
      expect(jobOfResponse(other), other).toBeNull()
    }
    for (const other of [inputItemIdOf(id, 0), responseIdOf(id), 'msg_1', 'msg_'])
      expect(jobOfItem(other), other).toBeNull()
  })
})
